// What plugin verify can find, and what it says of all it looked at.

/** What each rule looks at, for people and for SARIF. */
export const verifyRules = {
  "not-installed": "A plugin that xcore.lock names is not installed here.",
  "file-content": "An installed file has another content.",
  "file-mode": "An installed file has another mode.",
  "file-kind": "Something that is no regular file lies where a file should, or the other way round.",
  "file-missing": "An installed file is missing.",
  "file-added": "A file was added to an installed plugin.",
  files: "The installed files are others.",
  bundle: "The code that would run is not the one that was pinned.",
  signature: "The signature is missing, wrong, or not a trusted signer's.",
  manifest: "The installed plugin.yaml does not fit xcore.lock.",
  advisory: "A package is known to be bad.",
  approval: "A plugin asks for more than is approved.",
  dependency: "A plugin that another one needs is missing or of a wrong version.",
  configuration: "integration.yaml speaks of a plugin that is not there.",
  linked: "A linked folder takes the place of what could be verified.",
  lock: "xcore.lock is not as this xcore would write it.",
} as const;

export type VerifyRule = keyof typeof verifyRules;

export interface VerifyFinding {
  rule: VerifyRule;
  plugin: string | null;
  /** The file it is about, relative to the project. */
  path: string;
  message: string;
}

export interface VerifyReport {
  /** Plugins that were looked at. */
  checked: string[];
  findings: VerifyFinding[];
  /** Linked plugins: nothing of them can be verified. */
  linked: string[];
  frozen: boolean;
}

// Findings of a check as SARIF 2.1.0 (OASIS), which code hosts and editors read.
import type { VerifyReport } from "../../core/index.ts";

/** One run of one tool. Paths are relative to the project's folder. */
export function sarifOf(
  report: VerifyReport,
  about: { rules: Readonly<Record<string, string>>; version: string },
): object {
  const ids = Object.keys(about.rules);
  return {
    $schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "xcore plugin verify",
            semanticVersion: about.version,
            rules: ids.map((id) => ({
              id,
              shortDescription: { text: about.rules[id] },
              defaultConfiguration: { level: "error" },
            })),
          },
        },
        originalUriBaseIds: { PROJECT: { description: { text: "The project's folder." } } },
        results: report.findings.map(({ rule, plugin, path, message }) => ({
          ruleId: rule,
          ruleIndex: ids.indexOf(rule),
          level: "error",
          message: { text: message },
          locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(path), uriBaseId: "PROJECT" } } }],
          // Stable from run to run, so that a finding is known again.
          partialFingerprints: { "xcoreFinding/v1": [rule, plugin ?? "", path].join("|") },
        })),
      },
    ],
  };
}

const uriOf = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

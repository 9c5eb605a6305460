// Whether an installation takes a plugin for what its signature says. Knows public keys only: whoever checks can't sign.
import semver from "semver";
import { XcoreError } from "../../base/error.ts";
import { fingerprintOf } from "../../base/public-key.ts";
import type { Config, SignaturePolicy } from "../../config/config.ts";
import { differences, integrityOf } from "../installer/digest.ts";
import { keyIds, openEnvelope, parseEnvelope } from "./dsse.ts";
import { parseStatement, signatureFile, statementType, type Statement } from "./statement.ts";

export interface Signature {
  /** `ed25519:…` */
  readonly publicKey: string;
  readonly fingerprint: string;
  /** The signer's name in integration.yaml; undefined for one that is not named there. */
  readonly name: string | undefined;
  readonly version: string;
  readonly time: string;
}

/** What xcore.lock remembers of a plugin's signatures, also after it was removed. */
export interface SeenSignature {
  readonly version: string;
  readonly signer: string;
}

export interface SignatureQuestion {
  plugin: string;
  version: string;
  /** List of its files as they are, the signature's own file left out. */
  files: string;
  /** Text of plugin.sig.json; undefined when there is none. */
  signature: string | undefined;
  config: Config;
  /** Absent when what is looked at is pinned by xcore.lock already. */
  seen?: SeenSignature | undefined;
}

/**
 * Undefined: it is not signed and need not be. Throws `SIGNATURE_MISSING`, `SIGNER_UNKNOWN`, `SIGNATURE_INVALID` naming the files
 * that differ, `SIGNATURE_REPLAYED`.
 */
export function checkSignature(question: SignatureQuestion): Signature | undefined {
  const { plugin, config, seen } = question;
  const { signatures } = config.policy;
  const needed = isNeeded(config, plugin);
  if (question.signature === undefined) {
    if (needed || seen !== undefined) throw missing(question, seen);
    return undefined;
  }
  const label = `${signatureFile} of plugin '${plugin}'`;
  const envelope = parseEnvelope(question.signature, statementType, label);
  // Read before the check only to learn which key it claims; nothing of it counts until that key is found to have signed it.
  const claimed = parseStatement(Buffer.from(envelope.payload, "base64"), label);
  const opened = openEnvelope(envelope, [claimed.signer]);
  if (opened === undefined) throw forged(label, keyIds(envelope));
  const statement = parseStatement(opened.payload, label);
  checkSubject(question, statement);
  const signer = nameOf(signatures, opened.publicKey);
  if (signer === undefined && needed) throw unknownSigner(plugin, opened.publicKey, signatures);
  if (seen !== undefined) checkSeen(question, { publicKey: opened.publicKey, signer }, seen);
  return {
    publicKey: opened.publicKey,
    fingerprint: fingerprintOf(opened.publicKey),
    name: signer,
    version: statement.version,
    time: statement.time,
  };
}

/** Whether this installation wants a signature of the plugin. */
export function isNeeded(config: Config, plugin: string): boolean {
  const { require } = config.policy.signatures;
  return require === "all" || (require === "trusted-mode" && config.plugins[plugin]?.trust !== undefined);
}

/** "signed by our-team (SHA256:…)", for people. */
export function signerWords(publicKey: string | undefined, policy: SignaturePolicy): string {
  if (publicKey === undefined) return "not signed";
  const name = nameOf(policy, publicKey);
  const fingerprint = fingerprintOf(publicKey);
  return name === undefined
    ? `signed by ${fingerprint}, a key this project does not name`
    : `signed by ${name} (${fingerprint})`;
}

function nameOf(policy: SignaturePolicy, publicKey: string): string | undefined {
  return Object.entries(policy.signers).find(([, key]) => key === publicKey)?.[0];
}

function checkSubject({ plugin, version, files }: SignatureQuestion, statement: Statement): void {
  if (statement.name !== plugin || statement.version !== version) {
    throw new XcoreError(
      "SIGNATURE_INVALID",
      `plugin '${plugin}' ${version} carries the signature of ${statement.name} ${statement.version}`,
      { hint: doNotInstall, details: { plugin } },
    );
  }
  if (integrityOf(files) === statement.integrity) return;
  const listed = integrityOf(statement.files) === statement.integrity ? statement.files : "";
  const changed = differences(listed, files);
  const shown =
    changed.slice(0, 10).join(", ") + (changed.length > 10 ? ` and ${changed.length - 10} more` : "");
  throw new XcoreError("SIGNATURE_INVALID", `plugin '${plugin}' is not what was signed: ${shown}`, {
    hint: doNotInstall,
    details: { plugin, changed },
  });
}

function checkSeen(
  { plugin, version }: SignatureQuestion,
  by: { publicKey: string; signer: string | undefined },
  seen: SeenSignature,
): void {
  if (by.publicKey !== seen.signer && by.signer === undefined) {
    throw new XcoreError(
      "SIGNER_UNKNOWN",
      `plugin '${plugin}' was signed by ${fingerprintOf(seen.signer)} until now, and this is signed by ${fingerprintOf(by.publicKey)}`,
      {
        hint: `If its author has a new key, name it in integration.yaml: policy.signatures.signers.<name>: ${by.publicKey}`,
        details: { plugin, signer: by.publicKey, expected: seen.signer },
      },
    );
  }
  if (semver.gte(version, seen.version)) return;
  throw new XcoreError(
    "SIGNATURE_REPLAYED",
    `plugin '${plugin}' ${version} is older than ${seen.version}, which was installed here before`,
    {
      hint: `Somebody may keep newer versions from you. If you want the older one, take seen.${plugin} out of xcore.lock.`,
      details: { plugin, version, seen: seen.version },
    },
  );
}

const doNotInstall = "Do not install it before its author has explained that.";

function missing(question: SignatureQuestion, seen: SeenSignature | undefined): XcoreError {
  const { plugin, config } = question;
  const why =
    seen === undefined
      ? `and policy.signatures.require is '${config.policy.signatures.require}'`
      : `and ${seen.version} was, by ${fingerprintOf(seen.signer)}`;
  return new XcoreError("SIGNATURE_MISSING", `plugin '${plugin}' ${question.version} is not signed, ${why}`, {
    hint:
      seen === undefined
        ? "Ask its author to sign it with xcore plugin sign, and name the author's key under policy.signatures.signers."
        : `${doNotInstall} If that is meant, take seen.${plugin} out of xcore.lock.`,
    details: { plugin },
  });
}

function unknownSigner(plugin: string, publicKey: string, policy: SignaturePolicy): XcoreError {
  const known = Object.keys(policy.signers).join(", ");
  return new XcoreError(
    "SIGNER_UNKNOWN",
    `plugin '${plugin}' is signed by ${fingerprintOf(publicKey)}, which is none of the trusted signers (${known})`,
    {
      hint: `If you trust that key, compare it with its author first and name it: policy.signatures.signers.<name>: ${publicKey}`,
      details: { plugin, signer: publicKey },
    },
  );
}

function forged(label: string, ids: readonly string[]): XcoreError {
  return new XcoreError(
    "SIGNATURE_INVALID",
    `${label} was changed after it was made, or made by somebody else`,
    {
      hint: doNotInstall,
      details: { keyids: ids },
    },
  );
}

// What a signer says: an in-toto statement (in-toto.io/Statement/v1) that these files are this version of this plugin.
import { Type, type Static } from "typebox";
import semver from "semver";
import { XcoreError } from "../../base/error.ts";
import { publicKeyPattern } from "../../base/public-key.ts";
import { compileSchema } from "../../config/validate.ts";

/** Beside plugin.yaml, in a repository and in an archive. */
export const signatureFile = "plugin.sig.json";
export const statementType = "application/vnd.in-toto+json";

const sha256 = Type.String({ pattern: "^[0-9a-f]{64}$" });

// Other keys are let through, as in-toto asks of whoever reads a statement.
const statementSchema = Type.Object({
  _type: Type.Literal("https://in-toto.io/Statement/v1"),
  subject: Type.Array(Type.Object({ name: Type.String(), digest: Type.Object({ sha256 }) }), {
    minItems: 1,
    maxItems: 1,
  }),
  predicateType: Type.Literal("urn:xcore:plugin-release:1"),
  predicate: Type.Object({
    name: Type.String({ maxLength: 100 }),
    version: Type.String({ maxLength: 100 }),
    signer: Type.String({ pattern: publicKeyPattern }),
    time: Type.String({ maxLength: 40 }),
    files: Type.String(),
  }),
});

type StatementJson = Static<typeof statementSchema>;

export interface Statement {
  readonly name: string;
  readonly version: string;
  /** Public key of who made it; counts only once the signature was checked against it. */
  readonly signer: string;
  /** ISO 8601. For people: nothing is decided by it. */
  readonly time: string;
  /** The list of files, as `listFiles` writes it; it names the file that differs. */
  readonly files: string;
  /** `sha256-…` of that list. */
  readonly integrity: string;
}

export function statementBytes(statement: Statement): Buffer {
  const { name, version, signer, time, files, integrity } = statement;
  const json: StatementJson = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: `${name}@${version}`, digest: { sha256: integrity.slice("sha256-".length) } }],
    predicateType: "urn:xcore:plugin-release:1",
    predicate: { name, version, signer, time, files },
  };
  return Buffer.from(JSON.stringify(json));
}

/** Throws `SIGNATURE_INVALID` when the payload says something else than a statement should. */
export function parseStatement(payload: Buffer, label: string): Statement {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString("utf8"));
  } catch {
    value = undefined;
  }
  if (!compileSchema(statementSchema)(value)) throw notAStatement(label);
  const { subject, predicate } = value as StatementJson;
  const [first] = subject;
  if (first === undefined || semver.valid(predicate.version) === null) throw notAStatement(label);
  if (first.name !== `${predicate.name}@${predicate.version}`) throw notAStatement(label);
  return { ...predicate, integrity: `sha256-${first.digest.sha256}` };
}

function notAStatement(label: string): XcoreError {
  return new XcoreError("SIGNATURE_INVALID", `${label} holds no statement about a plugin's version`, {
    hint: "Ask its author to sign it anew with xcore plugin sign.",
  });
}

// The envelope signatures come in: DSSE v1.0.2 (github.com/secure-systems-lab/dsse), as in-toto and sigstore use it.
// What is signed is the type and the bytes of the payload together, and nothing is parsed before the signature is known to be right.
import { sign, verify, type KeyObject } from "node:crypto";
import { Type, type Static } from "typebox";
import { XcoreError } from "../../base/error.ts";
import { fingerprintOf, publicKeyOf } from "../../base/public-key.ts";
import { closed } from "../../config/schema-parts.ts";
import { compileSchema } from "../../config/validate.ts";

const base64 = (maxLength: number) =>
  Type.String({ pattern: "^[A-Za-z0-9+/]*={0,2}$", minLength: 1, maxLength });

const largestPayload = 16 * 1024 ** 2;

const envelopeSchema = closed(
  {
    payloadType: Type.String({ minLength: 1, maxLength: 200 }),
    payload: base64(largestPayload),
    signatures: Type.Array(
      closed({ keyid: Type.String({ minLength: 1, maxLength: 200 }), sig: base64(200) }, "A signature."),
      { minItems: 1, maxItems: 20 },
    ),
  },
  "A DSSE envelope.",
);

export type Envelope = Static<typeof envelopeSchema>;

export interface Signer {
  readonly privateKey: KeyObject;
  readonly fingerprint: string;
}

export interface Opened {
  readonly payload: Buffer;
  /** The public key whose signature was right. */
  readonly publicKey: string;
}

/** The envelope as text, ending with a line feed. */
export function seal(payloadType: string, payload: Buffer, signer: Signer): string {
  const sig = sign(null, preAuthEncoding(payloadType, payload), signer.privateKey).toString("base64");
  const envelope: Envelope = {
    payloadType,
    payload: payload.toString("base64"),
    signatures: [{ keyid: signer.fingerprint, sig }],
  };
  return spelled(envelope);
}

const spelled = (envelope: Envelope): string => `${JSON.stringify(envelope, null, 2)}\n`;

/** Throws `SIGNATURE_INVALID` when it is no envelope of that type. The payload is not to be believed yet. */
export function parseEnvelope(text: string, payloadType: string, label: string): Envelope {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(label, "it is no JSON");
  }
  const isEnvelope = compileSchema(envelopeSchema);
  if (!isEnvelope(value)) throw invalid(label, "it is no DSSE envelope");
  const envelope = value as Envelope;
  if (envelope.payloadType !== payloadType) {
    throw invalid(label, `it holds ${envelope.payloadType.slice(0, 100)}, expected ${payloadType}`);
  }
  // One spelling only: otherwise bytes that mean nothing could be changed unnoticed.
  const { payload, signatures } = envelope;
  const same = spelled({
    payloadType,
    payload: Buffer.from(payload, "base64").toString("base64"),
    signatures: signatures.map(({ keyid, sig }) => ({
      keyid,
      sig: Buffer.from(sig, "base64").toString("base64"),
    })),
  });
  if (same !== text) throw invalid(label, "it is not spelled as xcore plugin sign writes it");
  return envelope;
}

/** The payload, once one of `keys` is found to have signed it; undefined when none has. */
export function openEnvelope(envelope: Envelope, keys: readonly string[]): Opened | undefined {
  const payload = Buffer.from(envelope.payload, "base64");
  const signed = preAuthEncoding(envelope.payloadType, payload);
  for (const publicKey of keys) {
    const key = publicKeyOf(publicKey);
    const keyid = fingerprintOf(publicKey);
    const own = envelope.signatures.filter((one) => one.keyid === keyid);
    if (key === undefined) continue;
    if (own.some(({ sig }) => verify(null, signed, key, Buffer.from(sig, "base64")))) {
      return { payload, publicKey };
    }
  }
  return undefined;
}

/** The ids of the keys that are said to have signed it. */
export const keyIds = (envelope: Envelope): string[] => envelope.signatures.map(({ keyid }) => keyid);

// PAE of the specification: every part with its length, so that no two pairs of type and payload give the same bytes.
function preAuthEncoding(type: string, payload: Buffer): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

function invalid(label: string, why: string): XcoreError {
  return new XcoreError("SIGNATURE_INVALID", `${label} is no signature: ${why}`, {
    hint: "Do not install it before its author has explained that.",
  });
}

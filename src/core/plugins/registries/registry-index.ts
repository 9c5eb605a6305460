// The index of a registry: which versions of which plugins there are, what their archives hash to, whose they are. Signed as a whole.
import { Type, type Static } from "typebox";
import semver from "semver";
import { XcoreError } from "../../base/error.ts";
import { publicKeyPattern } from "../../base/public-key.ts";
import { namePattern } from "../../config/names.ts";
import { closed, mapOf, permissionsSchema } from "../../config/schema-parts.ts";
import { compileSchema } from "../../config/validate.ts";
import { openEnvelope, parseEnvelope, seal } from "../signatures/dsse.ts";
import type { SigningKey } from "../signatures/keys.ts";

export const indexType = "application/vnd.xcore.registry-index.v1+json";
/** A folder of its own, so that a client of a git repository fetches nothing else. */
export const indexFolder = "index";
export const indexFile = "index.json";

const publicKey = Type.String({ pattern: publicKeyPattern });
const text = (maxLength: number) => Type.String({ maxLength });

const releaseSchema = closed(
  {
    archive: Type.String({ pattern: "^sha512-[A-Za-z0-9+/]{86}==$" }),
    bytes: Type.Integer({ minimum: 1 }),
    xcore: text(100),
    description: text(500),
    permissions: permissionsSchema("What it asks for."),
    dependencies: mapOf(text(100), {
      pattern: namePattern,
      keys: "a plugin name",
      description: "What it needs.",
    }),
    time: text(40),
  },
  "A version.",
);

const indexSchema = closed(
  {
    format: Type.Literal(1),
    serial: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    time: text(40),
    signer: publicKey,
    plugins: mapOf(
      closed(
        {
          owner: publicKey,
          versions: Type.Record(text(100), releaseSchema, { maxProperties: 5000 }),
        },
        "A plugin.",
      ),
      { pattern: namePattern, keys: "a plugin name", description: "Plugins by name." },
    ),
  },
  "The index of a registry.",
);

export type RegistryIndex = Static<typeof indexSchema>;
export type IndexedPlugin = RegistryIndex["plugins"][string];
export type Release = Static<typeof releaseSchema>;

/** Where the archive of a version lies, relative to the registry. */
export const archiveFolder = (name: string): string => `packs/${name}`;

export function sealIndex(index: Omit<RegistryIndex, "signer">, key: SigningKey): string {
  const plugins = Object.fromEntries(Object.entries(index.plugins).sort(([a], [b]) => (a < b ? -1 : 1)));
  const payload: RegistryIndex = { ...index, signer: key.publicKey, plugins };
  return seal(indexType, Buffer.from(JSON.stringify(payload)), key);
}

/**
 * The index, once one of `keys` is found to have signed it; without `keys`, the signer it names itself. Throws `REGISTRY_INVALID`.
 */
export function openIndex(sealed: string, label: string, keys?: readonly string[]): RegistryIndex {
  const envelope = parseEnvelope(sealed, indexType, `the index of ${label}`);
  const claimed = parsed(Buffer.from(envelope.payload, "base64"), label);
  const opened = openEnvelope(envelope, keys ?? [claimed.signer]);
  if (opened === undefined) {
    throw new XcoreError(
      "REGISTRY_INVALID",
      `the index of ${label} is not signed by a key that is trusted for it`,
      {
        hint:
          keys === undefined
            ? "It was changed after it was signed; bring it back as it was committed."
            : `It says it is signed by ${claimed.signer}. If that is right, add the key under registries.<name>.keys in integration.yaml.`,
        details: { registry: label, signer: claimed.signer },
      },
    );
  }
  return parsed(opened.payload, label);
}

function parsed(payload: Buffer, label: string): RegistryIndex {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString("utf8"));
  } catch {
    value = undefined;
  }
  if (!compileSchema(indexSchema)(value)) {
    throw new XcoreError("REGISTRY_INVALID", `the index of ${label} holds something else than an index`, {
      hint: "Its publisher may have a newer xcore; update this one, or tell the publisher.",
      details: { registry: label },
    });
  }
  return value as RegistryIndex;
}

/** The newest version within the range that is known; of versions before a release only those the range asks for. */
export function newestRelease(plugin: IndexedPlugin, range: string | undefined): string | undefined {
  const versions = Object.keys(plugin.versions).filter((one) => semver.valid(one) === one);
  const stable = semver.maxSatisfying(versions, range ?? "*");
  return stable ?? (range === undefined ? semver.rsort(versions)[0] : undefined);
}

// What xcore.lock says of how an installed revision was made: what runs, of which packages, signed by whom.
import { Type, type Static } from "typebox";
import { publicKeyPattern } from "../base/public-key.ts";
import { closed, mapOf } from "../config/schema-parts.ts";

const text = (maxLength: number, description?: string) =>
  Type.String({ maxLength, ...(description === undefined ? {} : { description }) });

const sha256 = Type.String({
  pattern: "^sha256-[0-9a-f]{64}$",
  errorMessage: "a digest such as sha256-… with 64 hexadecimal digits",
});

const packagePattern = String.raw`^node_modules/(?!\.)[^\\]+$`;
const namePattern = String.raw`^(@[A-Za-z0-9~-][\w.~-]*/)?[A-Za-z0-9~-][\w.~-]*$`;

const ranges = (description: string) =>
  mapOf(text(200), { pattern: namePattern, keys: "the name of an npm package", description });

const systems = (description: string) => Type.Array(text(40), { maxItems: 50, description });

const packageSchema = closed(
  {
    version: text(100, "Its version."),
    license: Type.Optional(text(200, "Its licence, as its package.json says.")),
    integrity: Type.Optional(
      Type.String({
        pattern: "^sha(256|384|512)-[A-Za-z0-9+/=]+$",
        maxLength: 200,
        errorMessage: "a digest such as sha512-…",
        description: "Its digest; only where the plugin has no lock file of its own.",
      }),
    ),
    name: Type.Optional(text(220, "Its name, where it lies under another.")),
    dependencies: Type.Optional(ranges("What it needs.")),
    optionalDependencies: Type.Optional(ranges("What it takes where it can be had.")),
    optional: Type.Optional(Type.Boolean({ description: "Whether it may be missing." })),
    os: Type.Optional(systems("Operating systems it is for.")),
    cpu: Type.Optional(systems("Processors it is for.")),
    libc: Type.Optional(systems("C libraries it is for.")),
  },
  "An npm package.",
);

/** Keys of a revision in xcore.lock. A lock of format 1 has none of them. */
export const builtSchema = {
  bundle: Type.Optional(sha256),
  builder: Type.Optional(
    text(200, "What made the bundle; another one may make another bundle of the same files."),
  ),
  signer: Type.Optional(
    Type.String({
      pattern: publicKeyPattern,
      errorMessage: 'a public key such as "ed25519:…="',
      description: "Whose signature its files carry.",
    }),
  ),
  packages: Type.Optional(
    mapOf(packageSchema, {
      pattern: packagePattern,
      keys: "a path such as node_modules/left-pad",
      description: "The npm packages that were installed with it.",
    }),
  ),
};

export type LockedPackage = Readonly<Static<typeof packageSchema>>;
/** By their paths in the plugin's folder, as package-lock.json has them. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

/** How a revision was made. */
export interface Built {
  /** Digest of the bundle that runs. */
  readonly bundle?: string;
  /** What made it; the digest holds for the same builder only. */
  readonly builder?: string;
  /** Public key of who signed its files. */
  readonly signer?: string;
  readonly packages?: LockedPackages;
}

interface SeenYaml {
  readonly version: string;
  readonly signer: string;
}

/** Signed plugins by name: the newest version that was installed and its signer, kept after they are removed. */
export type Seen = Readonly<Record<string, SeenYaml>>;

export const seenEntrySchema = closed(
  {
    version: text(100, "The newest version that was installed."),
    signer: Type.String({ pattern: publicKeyPattern, errorMessage: 'a public key such as "ed25519:…="' }),
  },
  "What was seen of a signed plugin.",
);

/** Only what is there, in the order it is written. */
export function builtYaml({ bundle, builder, signer, packages }: Built): Built {
  return {
    ...(bundle === undefined ? {} : { bundle }),
    ...(builder === undefined ? {} : { builder }),
    ...(signer === undefined ? {} : { signer }),
    ...(packages === undefined || Object.keys(packages).length === 0 ? {} : { packages }),
  };
}

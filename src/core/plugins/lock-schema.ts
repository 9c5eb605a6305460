// The schema of xcore.lock: what is installed, where it came from, what it must hash to, what it may do.
import { Type, type Static } from "typebox";
import { namePattern } from "../config/names.ts";
import { closed, mapOf, permissionsSchema } from "../config/schema-parts.ts";
import { builtSchema, seenEntrySchema } from "./lock-built.ts";

const hex = (lengths: string, expected: string) =>
  Type.String({ pattern: `^(${lengths})$`, errorMessage: expected });

const objectId = (expected: string) => hex("[0-9a-f]{40}|[0-9a-f]{64}", expected);

const place = (description: string) => Type.String({ description, minLength: 1, maxLength: 2000 });

const sourceSchema = closed(
  {
    git: Type.Optional(place("Address of the git repository.")),
    ref: Type.Optional(place("The branch, tag or commit that was asked for.")),
    commit: Type.Optional(objectId("the full id of a commit, 40 or 64 hexadecimal digits")),
    tree: Type.Optional(objectId("the full id of a tree, 40 or 64 hexadecimal digits")),
    subfolder: Type.Optional(place("The plugin's folder within the repository or archive.")),
    submodules: Type.Optional(
      Type.Literal(true, {
        errorMessage: "true: submodules of the repository are fetched, too",
        description: "Submodules of the repository are fetched, too.",
      }),
    ),
    npm: Type.Optional(place("Name of the npm package.")),
    plugin: Type.Optional(place("Name of the plugin in a registry of plugins.")),
    serial: Type.Optional(
      Type.Integer({ minimum: 1, description: "Number of the registry's index that named it." }),
    ),
    release: Type.Optional(Type.String({ maxLength: 100, description: "The version that was taken." })),
    registry: Type.Optional(place("Address of the registry it was approved from.")),
    tarball: Type.Optional(place("Address or path of the archive.")),
    archive: Type.Optional(
      hex("sha512-[A-Za-z0-9+/]{86}==", "the digest of the archive as it was fetched: sha512-… in base64"),
    ),
    folder: Type.Optional(place("Path of the folder it was copied from.")),
  },
  "Where the plugin came from.",
);

const revision = {
  version: Type.String({ maxLength: 100, description: "The plugin's version." }),
  source: sourceSchema,
  integrity: hex("sha256-[0-9a-f]{64}", "a digest such as sha256-… with 64 hexadecimal digits"),
  approved: permissionsSchema("What the installation allowed."),
  ...builtSchema,
};

const wentBack = closed(
  {
    version: Type.String({ maxLength: 100, description: "The version that went back." }),
    integrity: hex("sha256-[0-9a-f]{64}", "a digest such as sha256-… with 64 hexadecimal digits"),
    reason: Type.String({ maxLength: 500, description: "Why." }),
    at: Type.String({ maxLength: 40, description: "When." }),
  },
  "A revision that failed its first minute and went back by itself.",
);

const link = closed(
  {
    folder: place("Path of the linked folder."),
    production: Type.Optional(
      Type.Literal(true, {
        errorMessage: "true: it is loaded in production, too",
        description: "Load it in production, too.",
      }),
    ),
  },
  "A plugin that is worked on in place.",
);

export const lockSchema = closed(
  {
    version: Type.Enum([1, 2], {
      errorMessage: "the format version 1 or 2; a higher one was written by a newer xcore: update it here",
    }),
    plugins: Type.Optional(
      mapOf(
        closed(
          {
            ...revision,
            pinned: Type.Optional(
              Type.Literal(true, {
                errorMessage: "true: updates pass it over",
                description: "Updates pass it over.",
              }),
            ),
            previous: Type.Optional(closed(revision, "The revision before the last update.")),
            wentBack: Type.Optional(wentBack),
          },
          "An installed plugin.",
        ),
        { pattern: namePattern, keys: "a plugin name", description: "Installed plugins by name." },
      ),
    ),
    links: Type.Optional(
      mapOf(link, { pattern: namePattern, keys: "a plugin name", description: "Linked plugins by name." }),
    ),
    seen: Type.Optional(
      mapOf(seenEntrySchema, {
        pattern: namePattern,
        keys: "a plugin name",
        description: "What was seen of signed plugins; kept after they are removed.",
      }),
    ),
    scopes: Type.Optional(
      mapOf(place("Address of a registry."), {
        pattern: "^@[a-z0-9~-][a-z0-9._~-]*$",
        keys: "an npm scope such as @acme",
        description: "The registry that each npm scope was approved from.",
      }),
    ),
  },
  "The lock file of an xcore project.",
);

export type LockYaml = Static<typeof lockSchema>;
export type SourceYaml = Static<typeof sourceSchema>;
export type RevisionYaml = NonNullable<NonNullable<LockYaml["plugins"]>[string]["previous"]>;

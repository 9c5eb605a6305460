// The schema of xcore.lock: what is installed, where it came from, what it must hash to, what it may do.
import { Type, type Static } from "typebox";
import { namePattern } from "../config/names.ts";
import { closed, mapOf, permissionsSchema } from "../config/schema-parts.ts";

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
    tarball: Type.Optional(place("Address or path of the archive.")),
    folder: Type.Optional(place("Path of the folder it was copied from.")),
  },
  "Where the plugin came from.",
);

export const lockSchema = closed(
  {
    version: Type.Literal(1, { errorMessage: "the format version 1" }),
    plugins: Type.Optional(
      mapOf(
        closed(
          {
            version: Type.String({ maxLength: 100, description: "The plugin's version." }),
            source: sourceSchema,
            integrity: hex("sha256-[0-9a-f]{64}", "a digest such as sha256-… with 64 hexadecimal digits"),
            approved: permissionsSchema("What the installation allowed."),
          },
          "An installed plugin.",
        ),
        { pattern: namePattern, keys: "a plugin name", description: "Installed plugins by name." },
      ),
    ),
  },
  "The lock file of an xcore project.",
);

export type LockYaml = Static<typeof lockSchema>;
export type SourceYaml = Static<typeof sourceSchema>;

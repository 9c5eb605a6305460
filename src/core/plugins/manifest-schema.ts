// The schema of plugin.yaml: validates it, documents it, and becomes schemas/plugin.schema.json for editors.
import { Type, type Static } from "typebox";
import { namePattern } from "../config/names.ts";
import { closed, limitsSchema, mapOf, permissionsSchema, pluginName } from "../config/schema-parts.ts";

export const manifestDefaults = { entry: "src/index.ts", migrations: "migrations", xcore: "*" } as const;

const relativeFile = (description: string, standard: string) =>
  Type.String({
    description,
    minLength: 1,
    maxLength: 500,
    errorMessage: `a path inside the plugin's folder such as "${standard}"`,
    default: standard,
  });

export const manifestSchema = closed(
  {
    name: pluginName("The plugin's name: its routes are under /app/<name>/."),
    version: Type.String({
      description: "Its version, as semver has it.",
      maxLength: 100,
      errorMessage: 'a version in quotes such as "1.0.0"',
      examples: ["1.0.0"],
    }),
    xcore: Type.Optional(
      Type.String({
        description: "The versions of xcore it was written for, as a semver range.",
        maxLength: 100,
        errorMessage: 'a range of versions in quotes such as "^1.0.0"',
        default: manifestDefaults.xcore,
        examples: ["^1.0.0"],
      }),
    ),
    description: Type.Optional(
      Type.String({ description: "One sentence about what it does.", maxLength: 500 }),
    ),
    entry: Type.Optional(
      relativeFile("The TypeScript or JavaScript file it begins with.", manifestDefaults.entry),
    ),
    permissions: Type.Optional(
      permissionsSchema("What it asks for. What is not asked for and approved does not exist for it."),
    ),
    limits: Type.Optional(
      limitsSchema("The limits it asks for; what it leaves out is the installation's default."),
    ),
    dependencies: Type.Optional(
      mapOf(
        Type.String({
          maxLength: 100,
          errorMessage: 'a range of versions in quotes such as "^1.0.0"',
          examples: ["^1.0.0"],
        }),
        {
          pattern: namePattern,
          keys: 'a plugin name such as "my-notes" (lower-case letters, digits, single dashes)',
          description: "Other plugins it needs: name to range of versions.",
        },
      ),
    ),
    config: Type.Optional(
      Type.Object(
        {},
        { additionalProperties: true, description: "A JSON Schema of its options in integration.yaml." },
      ),
    ),
    migrations: Type.Optional(relativeFile("The folder of its SQL migrations.", manifestDefaults.migrations)),
  },
  "An xcore plugin.",
);

export type ManifestYaml = Static<typeof manifestSchema>;

// Whom an installation trusts: signers of plugins, registries of plugins, lists of packages known to be bad.
import { Type, type Static } from "typebox";
import { publicKeyPattern } from "../base/public-key.ts";
import { namePattern } from "./names.ts";
import { closed, mapOf } from "./schema-parts.ts";

const publicKey = (description: string) =>
  Type.String({
    description,
    pattern: publicKeyPattern,
    errorMessage: 'a public key such as "ed25519:…=" (xcore key new prints it)',
  });

export const signatureRequirements = ["none", "trusted-mode", "all"] as const;

export const signaturesSchema = closed(
  {
    require: Type.Optional(
      Type.Enum([...signatureRequirements], {
        description:
          "Which installed plugins must be signed by one of the signers: none; trusted-mode, those that run in the server's own process (plugins.<name>.trust); all.",
        default: "none",
      }),
    ),
    signers: Type.Optional(
      mapOf(publicKey("The signer's public key."), {
        pattern: namePattern,
        keys: 'a name for the signer such as "our-team" (lower-case letters, digits, single dashes)',
        description: "Whose signatures count, by a name of your choice.",
      }),
    ),
  },
  "Signatures of installed plugins.",
);

export const advisoriesSchema = closed(
  {
    path: Type.String({
      description: "A file or folder of advisories in OSV format (JSON), relative to the project.",
      minLength: 1,
      maxLength: 1024,
      examples: ["./advisories"],
    }),
    ignore: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
        description: "Ids of advisories that do not concern this installation.",
        uniqueItems: true,
        maxItems: 1000,
        examples: [["GHSA-35jh-r3h4-6jhm"]],
      }),
    ),
  },
  "npm packages known to be bad. xcore fetches no such list; keep the file up to date yourself.",
);

export const registriesSchema = mapOf(
  closed(
    {
      url: Type.String({
        description:
          "Where it is: an https address or a folder, or a git repository written git+https://… or git+ssh://…",
        minLength: 1,
        maxLength: 2000,
        examples: ["https://plugins.example.com/", "git+https://example.com/team/plugins.git"],
      }),
      keys: Type.Array(publicKey("The public key of somebody who may publish there."), {
        description: "Whose signature on its index counts.",
        minItems: 1,
        maxItems: 100,
        uniqueItems: true,
      }),
    },
    "A registry of plugins.",
  ),
  {
    pattern: namePattern,
    keys: 'a name for the registry such as "ours" (lower-case letters, digits, single dashes)',
    description: "Where plugins are found by name, by a name of your choice.",
  },
);

export type SignaturesYaml = Static<typeof signaturesSchema>;
export type AdvisoriesYaml = Static<typeof advisoriesSchema>;
export type RegistriesYaml = Static<typeof registriesSchema>;

export const trustSchema = closed(
  {
    digest: Type.String({
      description: "The digest of its code with all packages, as `xcore plugin info <name>` prints it.",
      pattern: "^sha256-[0-9a-f]{64}$",
      errorMessage: "sha256- and 64 hexadecimal digits, as xcore plugin info <name> prints them",
    }),
    hooks: Type.Optional(
      Type.Boolean({
        description:
          "It has hooks around the calls of all other plugins: these are refused while it is not ready.",
        default: false,
      }),
    ),
  },
  "Run it in the server's own process, with all that the server may do. Only code with this digest is run.",
);

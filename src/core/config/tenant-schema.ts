// The section `tenants:` of integration.yaml: how a request's tenant is told, and what each tenant may use.
import { Type, type Static } from "typebox";
import { closed, rate, size } from "./schema-parts.ts";

const domainPattern = String.raw`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`;

const header = closed(
  {
    name: Type.String({
      description: "The header, as the proxy writes it.",
      pattern: "^[A-Za-z][A-Za-z0-9-]{0,63}$",
      errorMessage: 'a header name such as "x-tenant"',
      examples: ["x-tenant"],
    }),
    proxies: Type.Array(Type.String({ minLength: 1, maxLength: 60 }), {
      description:
        "Addresses and networks of the proxies that set it, and remove it from what clients send. From anybody else it is ignored.",
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      examples: [["10.0.0.0/8"]],
    }),
  },
  "A header that a trusted proxy sets.",
);

export const symmetric = ["HS256", "HS384", "HS512"] as const;
export const asymmetric = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
] as const;

const text = (description: string, examples: string[]) =>
  Type.String({ description, minLength: 1, maxLength: 2000, examples });

const claim = closed(
  {
    name: text("The claim that holds the tenant's name.", ["tenant"]),
    issuer: text("Who must have issued the token (iss).", ["https://id.example.com/"]),
    audience: text("For whom it must have been issued (aud).", ["my-app"]),
    jwks: Type.Optional(
      text("Where the issuer's keys are: an https address, or http on this machine.", [
        "https://id.example.com/.well-known/jwks.json",
      ]),
    ),
    key: Type.Optional(
      text("Or a file with its public key: PEM (SPKI), a JWK or a JWKS, relative to the project.", [
        "./issuer.pem",
      ]),
    ),
    secret: Type.Optional(
      Type.String({
        description: "Or the secret it signs with, of at least 32 characters; take it from a variable.",
        minLength: 32,
        maxLength: 4096,
        writeOnly: true,
        errorMessage: "text of 32 to 4096 characters",
      }),
    ),
    algorithms: Type.Optional(
      Type.Array(Type.Enum([...symmetric, ...asymmetric]), {
        description:
          "Algorithms that are accepted. Default: HS256 with a secret, else RS256, PS256, ES256 and EdDSA.",
        minItems: 1,
        uniqueItems: true,
      }),
    ),
  },
  "A claim of a JWT that comes as a bearer token and is checked here.",
);

export const tenantsSchema = closed(
  {
    from: Type.Object(
      {
        subdomain: Type.Optional(
          Type.String({
            description: "The domain whose subdomains are tenants: acme.example.com is the tenant acme.",
            pattern: domainPattern,
            maxLength: 253,
            errorMessage: 'a domain such as "example.com", in lower case',
            examples: ["example.com"],
          }),
        ),
        header: Type.Optional(header),
        claim: Type.Optional(claim),
      },
      {
        additionalProperties: false,
        description: "Where a request's tenant comes from; exactly one of these.",
        examples: [{ subdomain: "example.com" }],
      },
    ),
    isolation: Type.Optional(
      Type.Enum(["shared", "isolate"], {
        description:
          "shared: an isolate of a plugin works for all tenants; isolate: one for each, with memory of its own.",
        default: "shared",
      }),
    ),
    quotas: Type.Optional(
      closed(
        {
          requests: Type.Optional(
            rate("Requests of one tenant, on each server; more get 429.", { examples: ["600/1m"] }),
          ),
          jobs: Type.Optional(
            Type.Integer({
              description: "Jobs of one tenant that may wait.",
              minimum: 1,
              maximum: 10_000_000,
              errorMessage: "a whole number from 1 to 10000000",
              examples: [1000],
            }),
          ),
          storage: Type.Optional(
            size(
              "What all plugins together may keep for one tenant in the database; then it can only be read.",
              {
                examples: ["1gb"],
              },
            ),
          ),
        },
        "What each tenant may use, unless xcore tenant set says otherwise for one.",
      ),
    ),
  },
  "Tenants: several customers on one server. Without this section there are none.",
);

export type TenantsYaml = Static<typeof tenantsSchema>;

// The schema of integration.yaml: validates it, documents it, and becomes schemas/integration.schema.json for editors.
import { Type, type Static } from "typebox";
import { defaults } from "./defaults.ts";
import { namePattern } from "./names.ts";
import {
  closed,
  duration,
  limitsSchema,
  mapOf,
  permissionsSchema,
  pluginName,
  secretNamePattern,
  size,
} from "./schema-parts.ts";
import { tenantsSchema } from "./tenant-schema.ts";
import { advisoriesSchema, registriesSchema, signaturesSchema, trustSchema } from "./trust-schema.ts";

const server = closed(
  {
    host: Type.Optional(
      Type.String({
        description: "The address to listen on; 0.0.0.0 for every network.",
        minLength: 1,
        maxLength: 255,
        errorMessage: 'an address such as "127.0.0.1" or "0.0.0.0"',
        default: defaults.server.host,
      }),
    ),
    port: Type.Optional(
      Type.Integer({
        description: "The port; 0 takes a free one. When it is written here and taken, the start fails.",
        minimum: 0,
        maximum: 65_535,
        errorMessage: "a port from 0 to 65535",
        default: defaults.server.port,
      }),
    ),
    maxBody: Type.Optional(size("The largest request body.", { default: defaults.server.maxBody })),
    requestTimeout: Type.Optional(
      duration("How long a client may take to send a whole request.", {
        default: defaults.server.requestTimeout,
      }),
    ),
    headersTimeout: Type.Optional(
      duration("How long a client may take to send the headers.", {
        default: defaults.server.headersTimeout,
      }),
    ),
    maxConnections: Type.Optional(
      Type.Integer({
        description: "Connections at the same time.",
        minimum: 1,
        maximum: 1_000_000,
        errorMessage: "a whole number from 1 to 1000000",
        default: defaults.server.maxConnections,
      }),
    ),
    drain: Type.Optional(
      duration("How long a stop waits for requests under way.", { default: defaults.server.drain }),
    ),
  },
  "The HTTP server.",
);

const log = closed(
  {
    level: Type.Optional(
      Type.Enum(["debug", "info", "warn", "error", "silent"], {
        description: "The least serious lines that are written.",
        default: defaults.log.level,
      }),
    ),
    format: Type.Optional(
      Type.Enum(["auto", "pretty", "json"], {
        description: "pretty for people, json for machines; auto asks whether stdout is a terminal.",
        default: defaults.log.format,
      }),
    ),
  },
  "The log, on stdout.",
);

const admin = closed(
  {
    enabled: Type.Optional(Type.Boolean({ description: "Whether /_xcore/ answers.", default: true })),
    token: Type.Optional(
      Type.String({
        description:
          "The bearer token, of at least 16 characters. Without one, xcore makes one in .xcore/admin-token.",
        minLength: 16,
        maxLength: 1024,
        writeOnly: true,
        errorMessage: "text of 16 to 1024 characters",
      }),
    ),
    allowedHosts: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
        description: "Host names the admin routes accept beside loopback names.",
        uniqueItems: true,
        maxItems: 100,
        examples: [["admin.example.com"]],
      }),
    ),
  },
  "The admin routes under /_xcore/.",
);

const service = (driver: string, examples: readonly string[], description: string) =>
  Type.Object(
    {
      driver: Type.Optional(
        Type.String({
          description: "Which provider opens it.",
          minLength: 1,
          maxLength: 60,
          ...(driver === "" ? {} : { default: driver }),
          examples: [...examples],
        }),
      ),
      module: Type.Optional(
        Type.String({
          description: "Your own provider: the file that exports it, relative to the project.",
          minLength: 1,
          maxLength: 1024,
          examples: ["./services/mail.ts"],
        }),
      ),
    },
    {
      additionalProperties: true,
      description: `${description} Further keys are the provider's own options.`,
    },
  );

const services = Type.Object(
  {
    database: Type.Optional(service(defaults.services.database, ["embedded", "postgres"], "The database.")),
    cache: Type.Optional(service(defaults.services.cache, ["memory", "redis"], "The cache.")),
    jobs: Type.Optional(service(defaults.services.jobs, ["agenda"], "Background jobs.")),
    events: Type.Optional(
      service(
        "",
        ["memory", "postgres", "redis"],
        "Events between plugins. Without a driver postgres where the database's driver is postgres, else memory.",
      ),
    ),
  },
  {
    patternProperties: { [namePattern]: service("", [], "A service of your own.") },
    additionalProperties: false,
    description: "What the server is connected to. database, cache, jobs and events are always there.",
    "x-keys": 'a service name such as "mail" (lower-case letters, digits, single dashes)',
  },
);

const migrations = closed(
  {
    mode: Type.Optional(
      Type.Enum(["auto", "check"], {
        description: "auto runs pending migrations at start; check refuses to start while some are pending.",
        default: defaults.migrations.mode,
      }),
    ),
    folder: Type.Optional(
      Type.String({
        description: "The application's migrations, relative to the project.",
        minLength: 1,
        maxLength: 1024,
        default: defaults.migrations.folder,
      }),
    ),
    entities: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), {
        description: "Files that export MikroORM entities; globs are allowed.",
        uniqueItems: true,
        maxItems: 1000,
        examples: [["app/entities.ts"]],
      }),
    ),
  },
  "Migrations of the application and of plugins.",
);

const privateNetworks = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
    description: `${description} Networks, addresses or host names; permissions.fetch of the plugin must name the host, too.`,
    uniqueItems: true,
    maxItems: 100,
    examples: [["10.20.0.0/16", "intranet.example.com"]],
  });

const policy = closed(
  {
    defaults: Type.Optional(limitsSchema("Limits of a plugin that asks for none.")),
    ceilings: Type.Optional(
      limitsSchema("The most any plugin may ask for, unless its own entry under plugins says otherwise."),
    ),
    privateNetworks: Type.Optional(
      privateNetworks("What every plugin may fetch from although it is not public."),
    ),
    signatures: Type.Optional(signaturesSchema),
    advisories: Type.Optional(advisoriesSchema),
  },
  "What holds for every plugin.",
);

const plugin = closed(
  {
    enabled: Type.Optional(Type.Boolean({ description: "Whether it is loaded.", default: true })),
    config: Type.Optional(
      Type.Object(
        {},
        { additionalProperties: true, description: "The plugin's options; its plugin.yaml describes them." },
      ),
    ),
    allow: Type.Optional(
      permissionsSchema("The permissions it gets at most, in place of what was approved."),
    ),
    limits: Type.Optional(limitsSchema("Its limits, in place of what it asks for; may exceed the ceilings.")),
    isolation: Type.Optional(
      Type.String({
        description:
          "shared: with the project's own plugins; own: a process of its own; or the name of a group.",
        pattern: namePattern,
        maxLength: 40,
        errorMessage: '"shared", "own", or the name of a group (lower-case letters, digits, dashes)',
        examples: ["shared", "own"],
      }),
    ),
    isolates: Type.Optional(
      Type.Integer({
        description:
          "How many isolates work for it at the same time, each in a process of its own, so that it uses several processors. Each has its own memory.",
        minimum: 1,
        maximum: 16,
        default: 1,
        errorMessage: "a whole number from 1 to 16",
        examples: [2],
      }),
    ),
    privateNetworks: Type.Optional(
      privateNetworks(
        "What this plugin may fetch from although it is not public, beside what the policy opens to all.",
      ),
    ),
    trust: Type.Optional(trustSchema),
    secrets: Type.Optional(
      mapOf(
        Type.String({
          maxLength: 64 * 1024,
          writeOnly: true,
          errorMessage: 'text (put quotes around a value that looks like a number, or use "${NAME}")',
        }),
        {
          pattern: secretNamePattern,
          keys: 'the name of a secret such as "NOTES_TOKEN"',
          description: "Values of the secrets it may read, by name; take them from variables.",
        },
      ),
    ),
  },
  "What this installation says of one plugin.",
);

export const integrationSchema = closed(
  {
    name: pluginName("The project's name."),
    server: Type.Optional(server),
    log: Type.Optional(log),
    admin: Type.Optional(admin),
    services: Type.Optional(services),
    migrations: Type.Optional(migrations),
    tenants: Type.Optional(tenantsSchema),
    policy: Type.Optional(policy),
    registries: Type.Optional(registriesSchema),
    plugins: Type.Optional(
      mapOf(plugin, {
        pattern: namePattern,
        keys: 'a plugin name such as "my-notes" (lower-case letters, digits, single dashes)',
        description: "Single plugins, by name. A plugin that is not named gets the defaults.",
      }),
    ),
  },
  "An xcore project.",
);

export type IntegrationYaml = Static<typeof integrationSchema>;
export type ServiceYaml = Record<string, unknown> & { driver?: string; module?: string };

// integration.yaml, once valid, compiled into the Config everything else reads: complete, in base units, frozen.
import { resolve, join } from "node:path";
import type { Json } from "../../wire/json.ts";
import type { Limits } from "../base/limits.ts";
import type { Config, PluginConfig, PolicyConfig, ServiceConfig } from "./config.ts";
import { defaults } from "./defaults.ts";
import { deepFreeze } from "./freeze.ts";
import { nameFault } from "./names.ts";
import { permissionsOf } from "./permissions.ts";
import { privateNetworksOf } from "./private-networks.ts";
import type { IntegrationYaml, ServiceYaml } from "./schema.ts";
import { tenantsConfig } from "./tenants.ts";
import { above, bytesOf, limitsOf, msOf, type Complain } from "./units.ts";

export interface CompileContext {
  workspace: string;
  file: string;
  environment: "development" | "production";
  /** Told of whatever the schema can't see. */
  complain: Complain;
}

export function compileConfig(yaml: IntegrationYaml, context: CompileContext): Config {
  const { workspace, file, environment } = context;
  return deepFreeze({
    name: yaml.name,
    workspace,
    stateFolder: join(workspace, ".xcore"),
    file,
    environment,
    server: serverConfig(yaml.server, context.complain),
    log: { level: yaml.log?.level ?? defaults.log.level, format: yaml.log?.format ?? defaults.log.format },
    admin: {
      enabled: yaml.admin?.enabled ?? true,
      token: yaml.admin?.token,
      allowedHosts: yaml.admin?.allowedHosts ?? [],
    },
    services: serviceConfigs(yaml.services, context),
    migrations: {
      mode: yaml.migrations?.mode ?? defaults.migrations.mode,
      folder: resolve(workspace, yaml.migrations?.folder ?? defaults.migrations.folder),
      entities: (yaml.migrations?.entities ?? []).map((glob) => resolve(workspace, glob)),
    },
    tenants: tenantsConfig(yaml.tenants, context),
    policy: policyConfig(yaml.policy, context),
    registries: { ...yaml.registries },
    plugins: pluginConfigs(yaml, context.complain),
  });
}

const at = (key: string): string[] => ["server", key];

function serverConfig(yaml: IntegrationYaml["server"], complain: Complain): Config["server"] {
  const written = { ...defaults.server, ...yaml };
  const requestTimeoutMs = msOf(written.requestTimeout, at("requestTimeout"), complain);
  const headersTimeoutMs = msOf(written.headersTimeout, at("headersTimeout"), complain);
  if (yaml?.headersTimeout !== undefined && headersTimeoutMs > requestTimeoutMs) {
    complain(
      at("headersTimeout"),
      `expected at most server.requestTimeout (${written.requestTimeout}), got "${written.headersTimeout}"`,
    );
  }
  return {
    host: written.host,
    port: written.port,
    portExplicit: yaml?.port !== undefined,
    maxBodyBytes: bytesOf(written.maxBody, at("maxBody"), complain),
    requestTimeoutMs,
    headersTimeoutMs: Math.min(headersTimeoutMs, requestTimeoutMs),
    maxConnections: written.maxConnections,
    drainMs: msOf(written.drain, at("drain"), complain),
  };
}

function serviceConfigs(
  yaml: IntegrationYaml["services"],
  context: CompileContext,
): Record<string, ServiceConfig> {
  const written = new Map<string, ServiceYaml>(Object.entries(yaml ?? {}));
  const standard: Readonly<Record<string, string>> = {
    ...defaults.services,
    events: standardEvents(written.get("database")),
  };
  const names = new Set([...Object.keys(standard), ...written.keys()]);
  return Object.fromEntries(
    [...names].map((name) => {
      const { driver, module, ...options } = written.get(name) ?? {};
      const fault = nameFault(name);
      if (fault !== undefined) context.complain(["services", name], `the service name '${name}' ${fault}`);
      if (driver !== undefined && module !== undefined && driver !== "module") {
        context.complain(["services", name, "module"], "expected either driver or module, got both");
      }
      if (driver === "module" && module === undefined) {
        context.complain(
          ["services", name, "driver"],
          "driver 'module' needs the key 'module' with the provider's file",
        );
      }
      const chosen = module === undefined ? (driver ?? standard[name]) : "module";
      if (chosen === undefined) {
        context.complain(
          ["services", name],
          `a service of your own needs 'module' with the provider's file, for example './services/${name}.ts'`,
        );
      }
      return [
        name,
        {
          driver: chosen ?? "module",
          module: module === undefined ? undefined : resolve(context.workspace, module),
          options: options as Record<string, Json>,
        },
      ];
    }),
  );
}

/** Servers that share a database hear each other's events; an embedded one belongs to one server. */
function standardEvents(database: ServiceYaml | undefined): string {
  return database?.driver === "postgres" ? "postgres" : defaults.services.events;
}

function policyConfig(
  yaml: IntegrationYaml["policy"],
  { complain, workspace }: CompileContext,
): PolicyConfig {
  const written = limitsOf(yaml?.defaults, ["policy", "defaults"], complain);
  const ceilings: Limits = {
    ...(limitsOf(defaults.ceilings, [], complain) as Limits),
    rate: undefined,
    ...limitsOf(yaml?.ceilings, ["policy", "ceilings"], complain),
  };
  for (const [key, field] of [
    ["memory", "memoryBytes"],
    ["cpu", "cpuMs"],
    ["timeout", "timeoutMs"],
    ["streamIdle", "streamIdleMs"],
    ["streamTime", "streamTimeMs"],
    ["streamSize", "streamBytes"],
  ] as const) {
    if ((written[field] ?? 0) > ceilings[field]) {
      complain(
        ["policy", "defaults", key],
        `the default is above the ceiling; raise policy.ceilings.${key} or lower this`,
      );
    }
  }
  if (written.rate !== undefined && above(written.rate, ceilings.rate)) {
    complain(
      ["policy", "defaults", "rate"],
      "the default is above the ceiling; raise policy.ceilings.rate or lower this",
    );
  }
  const required = yaml?.signatures?.require ?? "none";
  if (required !== "none" && Object.keys(yaml?.signatures?.signers ?? {}).length === 0) {
    complain(
      ["policy", "signatures", "require"],
      `'${required}' needs at least one signer under policy.signatures.signers`,
    );
  }
  const standard = limitsOf(defaults.limits, [], complain) as Limits;
  return {
    ceilings,
    defaults: {
      memoryBytes: written.memoryBytes ?? Math.min(standard.memoryBytes, ceilings.memoryBytes),
      cpuMs: written.cpuMs ?? Math.min(standard.cpuMs, ceilings.cpuMs),
      timeoutMs: written.timeoutMs ?? Math.min(standard.timeoutMs, ceilings.timeoutMs),
      streamIdleMs: written.streamIdleMs ?? Math.min(standard.streamIdleMs, ceilings.streamIdleMs),
      streamTimeMs: written.streamTimeMs ?? Math.min(standard.streamTimeMs, ceilings.streamTimeMs),
      streamBytes: written.streamBytes ?? Math.min(standard.streamBytes, ceilings.streamBytes),
      rate: written.rate ?? ceilings.rate,
    },
    privateNetworks: privateNetworksOf(yaml?.privateNetworks, ["policy"], complain),
    signatures: {
      require: required,
      signers: { ...yaml?.signatures?.signers },
    },
    advisories:
      yaml?.advisories === undefined
        ? undefined
        : { path: resolve(workspace, yaml.advisories.path), ignore: yaml.advisories.ignore ?? [] },
  };
}

function pluginConfigs(yaml: IntegrationYaml, complain: Complain): Record<string, PluginConfig> {
  return Object.fromEntries(
    Object.entries(yaml.plugins ?? {}).map(([name, entry]) => {
      const fault = nameFault(name);
      if (fault !== undefined) complain(["plugins", name], `the plugin name '${name}' ${fault}`);
      const single = (entry.isolates ?? 1) > 1 ? onlyOne(entry, yaml.tenants) : undefined;
      if (single !== undefined) complain(["plugins", name, "isolates"], single);
      return [
        name,
        {
          enabled: entry.enabled ?? true,
          config: (entry.config ?? {}) as Record<string, Json>,
          allow: entry.allow === undefined ? undefined : permissionsOf(entry.allow),
          limits: limitsOf(entry.limits, ["plugins", name, "limits"], complain),
          isolation: entry.isolation,
          isolates: entry.isolates ?? 1,
          trust: entry.trust?.digest,
          hooks: entry.trust?.hooks ?? false,
          privateNetworks: privateNetworksOf(entry.privateNetworks, ["plugins", name], complain),
          secrets: entry.secrets ?? {},
        },
      ];
    }),
  );
}

/** Why the plugin can't have several isolates. */
function onlyOne(
  { isolation, trust }: NonNullable<IntegrationYaml["plugins"]>[string],
  tenants: IntegrationYaml["tenants"],
): string | undefined {
  if (trust !== undefined)
    return "a trusted plugin runs in the server's own process, once; remove isolates or trust";
  if (isolation !== undefined && isolation !== "own")
    return `each isolate has a process of its own, which isolation '${isolation}' rules out; remove one of the two`;
  if (tenants?.isolation === "isolate")
    return "tenants.isolation: isolate gives each tenant an isolate of its own already; remove one of the two";
  return undefined;
}

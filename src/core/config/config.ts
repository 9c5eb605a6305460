// The compiled form of integration.yaml: complete, in base units, frozen. After reading, nobody asks "is it set?".
import type { Json } from "../../wire/json.ts";
import type { Limits } from "../base/limits.ts";
import type { Rate } from "../base/units.ts";

export interface Config {
  readonly name: string;
  /** The project's folder, absolute. */
  readonly workspace: string;
  /** `.xcore/` in it: sockets, embedded data, installed plugins. Absolute. */
  readonly stateFolder: string;
  /** The file this came from, absolute. */
  readonly file: string;
  readonly environment: "development" | "production";
  readonly server: ServerConfig;
  readonly log: {
    readonly level: "debug" | "info" | "warn" | "error" | "silent";
    readonly format: "auto" | "pretty" | "json";
  };
  readonly admin: AdminConfig;
  /** By name; `database`, `cache`, `jobs`, `events` are always there. */
  readonly services: Readonly<Record<string, ServiceConfig>>;
  readonly migrations: MigrationsConfig;
  readonly policy: PolicyConfig;
  /** Undefined: the server has no tenants. */
  readonly tenants: TenantsConfig | undefined;
  /** Registries of plugins by the name this installation gave them. */
  readonly registries: Readonly<Record<string, RegistryConfig>>;
  /** What the installation says of single plugins, by plugin name. A plugin that is not named gets the defaults. */
  readonly plugins: Readonly<Record<string, PluginConfig>>;
}

export interface ServerConfig {
  readonly host: string;
  readonly port: number;
  /** Whether the port was written in the file (then a taken port is an error, not a reason to move). */
  readonly portExplicit: boolean;
  readonly maxBodyBytes: number;
  readonly requestTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly maxConnections: number;
  /** How long a stop waits for requests that are under way. */
  readonly drainMs: number;
}

export interface AdminConfig {
  readonly enabled: boolean;
  /** The bearer token. Absent: one is made and kept in `.xcore/admin-token`. */
  readonly token: string | undefined;
  /** Host headers that the admin routes accept beside loopback names (against DNS rebinding). */
  readonly allowedHosts: readonly string[];
}

export interface ServiceConfig {
  /** `embedded`, `postgres`, `memory`, `redis`, `agenda` …, or `module` for your own. */
  readonly driver: string;
  /** For your own: the file that exports the provider, absolute. */
  readonly module: string | undefined;
  /** The provider's own options, as written (after variables), checked by the provider's schema at opening. */
  readonly options: Readonly<Record<string, Json>>;
}

export interface MigrationsConfig {
  /** `auto`: pending ones are run at start and at plugin load. `check`: they stop the start with `MIGRATION_PENDING`. */
  readonly mode: "auto" | "check";
  /** The application's migrations folder, absolute. */
  readonly folder: string;
  /** Files that export MikroORM entities, absolute globs. */
  readonly entities: readonly string[];
}

/** Permissions in compiled form: absent lists are empty, absent booleans false. */
export interface Permissions {
  readonly database: boolean;
  readonly cache: boolean;
  readonly jobs: boolean;
  /** Hosts: `api.example.com`, `*.example.com`, `host:port`. */
  readonly fetch: readonly string[];
  /** `plugin.action` or `plugin.*`. */
  readonly call: readonly string[];
  readonly events: { readonly publish: readonly string[]; readonly subscribe: readonly string[] };
  readonly secrets: readonly string[];
  /** Names of services of the installation's own. */
  readonly services: readonly string[];
}

export interface PolicyConfig {
  /** Limits of a plugin that asks for none. */
  readonly defaults: Limits;
  /** The most any plugin gets, unless its own entry says otherwise. */
  readonly ceilings: Limits;
  /** Networks (CIDR), addresses and host names that every plugin may fetch from although they are not public. */
  readonly privateNetworks: readonly string[];
  readonly signatures: SignaturePolicy;
  /** Absent: no list of bad packages is looked at. */
  readonly advisories: AdvisoryConfig | undefined;
}

export interface SignaturePolicy {
  /** `trusted-mode`: installed plugins that run in the core's own process. */
  readonly require: "none" | "trusted-mode" | "all";
  /** Public keys (`ed25519:…`) by the name this installation gave them. */
  readonly signers: Readonly<Record<string, string>>;
}

export interface AdvisoryConfig {
  /** A file or folder in OSV format, absolute. */
  readonly path: string;
  /** Ids that are passed over. */
  readonly ignore: readonly string[];
}

export interface RegistryConfig {
  /** An https address, `git+…`, or a folder as it was written (relative to the workspace). */
  readonly url: string;
  /** Public keys whose signature on its index counts. */
  readonly keys: readonly string[];
}

export interface TenantsConfig {
  readonly from: TenantSource;
  /** `isolate`: every plugin runs in an isolate of its own for each tenant. */
  readonly isolation: "shared" | "isolate";
  /** Of a tenant that has none of its own; undefined: no bound. */
  readonly quotas: {
    readonly requests: Rate | undefined;
    readonly jobs: number | undefined;
    readonly storageBytes: number | undefined;
  };
}

export type TenantSource =
  /** `acme.example.com`, with `of` being `example.com`. */
  | { readonly kind: "subdomain"; readonly of: string }
  /** `name` in lower case; `proxies` as networks (CIDR). */
  | { readonly kind: "header"; readonly name: string; readonly proxies: readonly string[] }
  | ({ readonly kind: "claim" } & ClaimSource);

export interface ClaimSource {
  readonly name: string;
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  readonly key:
    | { readonly kind: "secret"; readonly secret: string }
    /** Absolute. */
    | { readonly kind: "file"; readonly file: string }
    | { readonly kind: "jwks"; readonly url: string };
}

export interface PluginConfig {
  readonly enabled: boolean;
  /** The plugin's options, checked against the `config` schema of its manifest. */
  readonly config: Readonly<Record<string, Json>>;
  /** Replaces the approval of the lock file or of the plugins folder when present. */
  readonly allow: Permissions | undefined;
  /** The limits of this plugin alone, in place of what it asks for; they may exceed the ceilings. */
  readonly limits: Partial<Limits>;
  /** `shared`: with the workspace's own. `own`: a host process of its own. Otherwise the name of a group. */
  readonly isolation: string | undefined;
  /** How many work at the same time, each in a host process of its own. */
  readonly isolates: number;
  /** The digest of the code that runs in the core's own process; absent: it runs in a sandbox. */
  readonly trust: string | undefined;
  /** It must see the calls of all others; without it there are none. */
  readonly hooks: boolean;
  /** The same as of the policy, for this plugin alone. */
  readonly privateNetworks: readonly string[];
  /** Values of the secrets it may read, by name. */
  readonly secrets: Readonly<Record<string, string>>;
}

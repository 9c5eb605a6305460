// Where tenants are on: what is asked before each host call of a plugin, and whom its jobs run for.
import { permissionOf, type HostCallName, type PermissionName } from "../../wire/host-calls.ts";
import { XcoreError } from "../base/error.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { CallTenant } from "../base/tenant.ts";
import type { HostCall } from "../sandbox/sandbox.ts";
import type { Build } from "./build.ts";

export interface TenantSources {
  /** Whether each tenant has an isolate of its own in every plugin. */
  readonly isolated: boolean;
  /** Throws `TENANT_UNKNOWN`. */
  forCall(name: string): CallTenant;
  /** Those that the plugin works for now. */
  activeOf(plugin: string): readonly CallTenant[];
  /** Runs, or checks, the plugin's migrations in the tenant's schema. */
  prepare(build: Build, tenant: string): Promise<void>;
  /** The same for every tenant the plugin works for; one that fails is logged and fails alone. */
  prepareAll(build: Build): Promise<void>;
}

/** What they reach belongs to tenants. */
const shared: ReadonlySet<PermissionName> = new Set(["fetch", "secrets"]);

const failedForMs = 5_000;

export class TenantGate {
  readonly #build: Build;
  readonly #sources: TenantSources;
  /** By serial. */
  readonly #prepared = new Map<number, Promise<void>>();

  constructor(build: Build, sources: TenantSources) {
    this.#build = build;
    this.#sources = sources;
  }

  /** Rejects unless the call may be made now, for whom it is made. */
  async pass({ name, origin }: HostCall): Promise<void> {
    const permission = Object.hasOwn(permissionOf, name) ? permissionOf[name as HostCallName] : undefined;
    if (permission === undefined) return;
    if (origin === undefined && !shared.has(permission)) throw orphaned(this.#build.manifest.name, name);
    const tenant = origin?.tenant;
    if (tenant === undefined) return;
    tenant.assertActive();
    if (permission === "database") await this.#preparedFor(tenant);
  }

  #preparedFor({ id, serial }: CallTenant): Promise<void> {
    const known = this.#prepared.get(serial);
    if (known !== undefined) return known;
    const fresh = this.#sources.prepare(this.#build, id);
    this.#prepared.set(serial, fresh);
    fresh.catch(() => setTimeout(() => this.#prepared.delete(serial), failedForMs).unref());
    return fresh;
  }
}

/** Throws `PLUGIN_NOT_FOUND` when the plugin is not in the set of the call's tenant: for that tenant it does not exist. */
export function assertReached(plugin: string, origin: CallOrigin | undefined): void {
  if (origin?.tenant?.reaches(plugin) !== false) return;
  throw new XcoreError("PLUGIN_NOT_FOUND", `there is no plugin '${plugin}'`);
}

/** The origin of a job's run. Rejects, so that it is tried again later, while its tenant can't be worked for. */
export function originOfRun(
  plugin: string,
  tenant: string | undefined,
  sources: TenantSources | undefined,
): CallOrigin {
  if (tenant === undefined) return {};
  if (sources === undefined) {
    throw new XcoreError(
      "TENANT_UNKNOWN",
      `the job belongs to tenant '${tenant}', but this server has no tenants`,
      {
        hint: "Write the section tenants: in integration.yaml again, or cancel the job.",
      },
    );
  }
  const origin = { tenant: sources.forCall(tenant) };
  origin.tenant.assertActive();
  assertReached(plugin, origin);
  return origin;
}

function orphaned(plugin: string, name: string): XcoreError {
  return new XcoreError(
    "TENANT_MISSING",
    `plugin '${plugin}': ${name} was called for no tenant: the call it belongs to is over, or there was none`,
    { hint: "Await what needs data before you answer, or enqueue a job: it runs for the same tenant." },
  );
}

// The tenants of a server: known from the database, kept in memory for every request, made and dropped here.
import { sleep } from "../../base/deadline.ts";
import { messageOf, XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { suggestion } from "../../base/nearest.ts";
import type { TenantsConfig } from "../../config/config.ts";
import { nameFault } from "../../config/names.ts";
import type { DatabaseService } from "../database/database.ts";
import { TenantListener } from "./listener.ts";
import { checkQuotas } from "./quotas.ts";
import { TenantStore, type TenantChange, type TenantQuotas, type TenantRow } from "./store.ts";
import { Tenant, unknownTenant, type TenantStatus } from "./tenant.ts";

export interface TenantsOptions {
  config: TenantsConfig;
  database: DatabaseService;
  logger: Logger;
  /** Removes what the services keep for it. */
  remove(tenant: string): Promise<void>;
  pause(tenant: string, paused: boolean): Promise<void>;
}

/** What is said of a tenant when it is made or changed; absent: the standard, or as it was. */
export interface TenantSettings {
  /** Null: every plugin. */
  plugins?: string[] | null | undefined;
  quotas?: TenantQuotas | undefined;
}

/** Requests that other servers let in before they heard of a drop are over after this long, or fail. */
const hearingMs = 200;

export class Tenants implements AsyncDisposable {
  readonly #options: TenantsOptions;
  readonly #store: TenantStore;
  readonly #tenants = new Map<string, Tenant>();
  #listener: TenantListener | undefined;
  #reading: Promise<void> | undefined;
  #readAgain = false;

  static async open(options: TenantsOptions): Promise<Tenants> {
    const tenants = new Tenants(options);
    await tenants.#store.ensureTable();
    await tenants.#read();
    tenants.#listener = new TenantListener({
      connection: options.database.connection,
      onChange: () => void tenants.#refresh(),
    });
    return tenants;
  }

  private constructor(options: TenantsOptions) {
    this.#options = options;
    this.#store = new TenantStore(options.database.pool);
  }

  /** For a call from outside. Throws `TENANT_UNKNOWN`; whether it is active is the tenant's own matter. */
  forCall(name: string): Tenant {
    const found = this.#tenants.get(name);
    if (found === undefined) throw unknownTenant(name);
    return found;
  }

  /** The same for who administers: the error names what there is. */
  get(name: string): Tenant {
    const found = this.#tenants.get(name);
    if (found !== undefined) return found;
    throw missing(name, this.#tenants.keys());
  }

  list(): Tenant[] {
    return [...this.#tenants.values()].sort((a, b) => a.id.localeCompare(b.id));
  }

  /** Those that a plugin works for. */
  activeOf(plugin: string): Tenant[] {
    return this.list().filter((tenant) => tenant.state === "active" && tenant.reaches(plugin));
  }

  /** `prepare` gets its place ready; when it rejects nothing is left of the tenant. */
  async create(
    name: string,
    settings: TenantSettings,
    prepare: (reaches: (plugin: string) => boolean) => Promise<void>,
  ): Promise<TenantStatus> {
    const fault = nameFault(name);
    if (fault !== undefined)
      throw new XcoreError("INPUT_INVALID", `the tenant name '${name.slice(0, 64)}' ${fault}`);
    checkQuotas(settings.quotas);
    const plugins = settings.plugins ?? null;
    await this.#store.change(name, async (change) => {
      if (change.found !== undefined) throw exists(change.found);
      try {
        await prepare((plugin) => plugins?.includes(plugin) ?? true);
      } catch (error) {
        await this.#options.remove(name).catch((left: unknown) => {
          this.#options.logger.warn(
            { tenant: name, error: messageOf(left) },
            "something of a tenant is left",
          );
        });
        throw error;
      }
      await change.insert({ plugins, quotas: settings.quotas ?? {} });
    });
    await this.#refresh();
    return this.get(name).status();
  }

  async set(name: string, { plugins, quotas }: TenantSettings): Promise<TenantStatus> {
    checkQuotas(quotas);
    return this.#update(name, (row) => ({
      ...row,
      plugins: plugins === undefined ? row.plugins : plugins,
      quotas: { ...row.quotas, ...quotas },
    }));
  }

  /** Its requests and host calls are refused from now on; its jobs wait. */
  async suspend(name: string): Promise<TenantStatus> {
    const status = await this.#update(name, (row) => ({ ...row, state: "suspended" }));
    await this.#options.pause(name, true);
    return status;
  }

  async resume(name: string): Promise<TenantStatus> {
    await this.#store.change(name, async (change) => {
      const row = held(name, change, this.#tenants.keys());
      await this.#options.pause(name, false);
      await change.update({ ...row, state: "active" });
    });
    await this.#refresh();
    return this.get(name).status();
  }

  /** With everything that the services keep for it. One that was interrupted is done again. */
  async drop(name: string): Promise<void> {
    await this.#store.change(name, (change) => {
      const { found } = change;
      if (found === undefined) throw missing(name, this.#tenants.keys());
      return change.update({ ...found, state: "dropping" });
    });
    await this.#refresh();
    await sleep(hearingMs);
    await this.#store.change(name, async (change) => {
      await this.#options.remove(name);
      await change.remove();
    });
    await this.#refresh();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener?.close();
    await this.#reading;
  }

  async #update(name: string, next: (row: TenantRow) => TenantRow): Promise<TenantStatus> {
    await this.#store.change(name, (change) => change.update(next(held(name, change, this.#tenants.keys()))));
    await this.#refresh();
    return this.get(name).status();
  }

  /** Reads anew; whoever comes while it reads waits for a reading that began after. */
  #refresh(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#readAgain = true;
      return this.#reading;
    }
    this.#reading = this.#readUntilCurrent().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readUntilCurrent(): Promise<void> {
    do {
      this.#readAgain = false;
      // With the database away what is known stays as it is.
      await this.#read().catch((error: unknown) =>
        this.#options.logger.debug({ error: messageOf(error) }, "the tenants could not be read"),
      );
    } while (this.#readAgain);
  }

  async #read(): Promise<void> {
    const rows = await this.#store.all();
    const names = new Set(rows.map(({ name }) => name));
    for (const [name, tenant] of this.#tenants) if (!names.has(name)) this.#forget(tenant);
    for (const row of rows) {
      const known = this.#tenants.get(row.name);
      if (known?.serial === row.serial) known.update(row);
      else {
        if (known !== undefined) this.#forget(known);
        this.#tenants.set(row.name, new Tenant(row, this.#options.config.quotas));
      }
    }
  }

  #forget(tenant: Tenant): void {
    tenant.end();
    this.#tenants.delete(tenant.id);
  }
}

/** The row of a tenant that is there and stays. */
function held(name: string, { found }: TenantChange, known: Iterable<string>): TenantRow {
  if (found === undefined) throw missing(name, known);
  if (found.state !== "dropping") return found;
  throw new XcoreError("TENANT_UNKNOWN", `tenant '${name}' is being dropped`, {
    hint: `If that was interrupted, do it again: xcore tenant drop ${name}`,
  });
}

function missing(name: string, known: Iterable<string>): XcoreError {
  return new XcoreError(
    "TENANT_UNKNOWN",
    `there is no tenant '${name.slice(0, 64)}'; ${suggestion(name, known)}`,
    {
      hint: `Make it: xcore tenant create ${name.slice(0, 64)}`,
    },
  );
}

function exists({ name, state }: TenantRow): XcoreError {
  const what = state === "dropping" ? "is still being dropped" : "exists already";
  return new XcoreError("TENANT_EXISTS", `tenant '${name}' ${what}`, {
    hint: state === "dropping" ? `Finish that: xcore tenant drop ${name}` : "Choose another name.",
  });
}

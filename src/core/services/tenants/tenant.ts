// One tenant as this server knows it. Calls hold on to it: what happens to the tenant happens to them.
import { XcoreError } from "../../base/error.ts";
import { Meter } from "../../base/meter.ts";
import { RateLimiter } from "../../base/rate-limiter.ts";
import type { CallTenant } from "../../base/tenant.ts";
import { parseRate, parseSize } from "../../base/units.ts";
import type { TenantsConfig } from "../../config/config.ts";
import type { TenantQuotas, TenantRow, TenantState } from "./store.ts";

export interface TenantStatus {
  name: string;
  state: TenantState;
  /** Null: every plugin. */
  plugins: string[] | null;
  /** Its own ones; absent: the installation's, null: no bound. */
  quotas: TenantQuotas;
  createdAt: string;
  requestsPerMinute: number;
  p95Ms: number | null;
  errors: number;
}

export class Tenant implements CallTenant {
  readonly id: string;
  readonly serial: number;
  readonly meter = new Meter();
  readonly #standard: TenantsConfig["quotas"];
  #row: TenantRow;
  #plugins: ReadonlySet<string> | undefined;
  #limiter: RateLimiter | undefined;
  #maxJobs: number | undefined;
  #maxBytes: number | undefined;
  #isGone = false;
  readonly #watching = new Set<() => void>();

  constructor(row: TenantRow, standard: TenantsConfig["quotas"]) {
    this.id = row.name;
    this.serial = row.serial;
    this.#standard = standard;
    this.#row = row;
    this.#apply(row);
  }

  get state(): TenantState {
    return this.#row.state;
  }

  get maxJobs(): number | undefined {
    return this.#maxJobs;
  }

  get maxBytes(): number | undefined {
    return this.#maxBytes;
  }

  /** What the registry says of it now. */
  update(row: TenantRow): void {
    const before = JSON.stringify(this.#row);
    if (before === JSON.stringify(row)) return;
    this.#row = row;
    this.#apply(row);
    if (row.state !== "active") this.#tell();
  }

  /** It was dropped. */
  end(): void {
    this.#isGone = true;
    this.#tell();
  }

  /** Calls `tell` once when it is suspended or dropped. Returns the undo. */
  whenBarred(tell: () => void): () => void {
    this.#watching.add(tell);
    return () => void this.#watching.delete(tell);
  }

  reaches(plugin: string): boolean {
    return this.#plugins?.has(plugin) ?? true;
  }

  assertActive(): void {
    if (this.#isGone || this.state === "dropping") throw unknownTenant(this.id);
    if (this.state === "active") return;
    throw new XcoreError("TENANT_SUSPENDED", `tenant '${this.id}' is suspended`);
  }

  /** Lets one request in, or throws `TENANT_QUOTA`, or what `assertActive` throws. */
  admit(): void {
    this.assertActive();
    const limiter = this.#limiter;
    if (limiter?.take() !== false) return;
    throw new XcoreError("TENANT_QUOTA", `tenant '${this.id}' has no requests left for now`, {
      details: { retryAfterSeconds: limiter.retryAfterSeconds() },
    });
  }

  status(): TenantStatus {
    const { name, state, plugins, quotas, createdAt } = this.#row;
    const { meter } = this;
    return {
      name,
      state,
      plugins,
      quotas,
      createdAt,
      requestsPerMinute: meter.perMinute(),
      p95Ms: meter.p95Ms(),
      errors: meter.errors,
    };
  }

  #tell(): void {
    const watching = [...this.#watching];
    this.#watching.clear();
    for (const tell of watching) tell();
  }

  #apply({ plugins, quotas }: TenantRow): void {
    this.#plugins = plugins === null ? undefined : new Set(plugins);
    const own = quotas.requests;
    const rate = own === undefined ? this.#standard.requests : parseRate(own ?? "");
    this.#limiter = rate === undefined ? undefined : new RateLimiter(rate);
    this.#maxJobs = quotas.jobs === undefined ? this.#standard.jobs : (quotas.jobs ?? undefined);
    const { storage } = quotas;
    this.#maxBytes = storage === undefined ? this.#standard.storageBytes : parseSize(storage ?? "");
  }
}

/** Says nothing of the others: this goes to clients. */
export function unknownTenant(name: string): XcoreError {
  return new XcoreError("TENANT_UNKNOWN", `there is no tenant '${name.slice(0, 64)}'`);
}

export function nameless(why: string): XcoreError {
  return new XcoreError("TENANT_UNKNOWN", `the request names no tenant: ${why}`);
}

// The connections of tenants: each plugin has a role of its own for each tenant, so no two can share one. Pools are opened when
// a call needs them; the one that was idle for longest gives way when there are as many as may be.
import { XcoreError } from "../../base/error.ts";
import { ownerOf, type CallTenant } from "../../base/tenant.ts";
import { formatDuration } from "../../base/units.ts";
import type { PluginPool } from "./plugin-pool.ts";

export interface TenantPoolsOptions {
  /** Opens the pool of `notes@acme`; provisions its role first. */
  open(owner: string): Promise<PluginPool>;
  /** What is remembered of its role is to be forgotten: nothing of it is open here any more. */
  forget(owner: string): void;
  /** Pools at the same time. */
  most: number;
  /** How long one stays open that nobody uses. Default 30 s. */
  idleMs?: number;
}

interface Entry {
  readonly owner: string;
  readonly tenant: string;
  readonly pool: Promise<PluginPool>;
  users: number;
  usedAt: number;
  opened: PluginPool | undefined;
}

const patienceMs = 5_000;

export class TenantPools {
  readonly #options: TenantPoolsOptions;
  readonly #idleMs: number;
  /** By owner and the tenant's serial, the one that was used last at the end. */
  readonly #entries = new Map<string, Entry>();
  readonly #waiting = new Set<() => void>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: TenantPoolsOptions) {
    this.#options = options;
    this.#idleMs = options.idleMs ?? 30_000;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The pool stays open at least until `work` has settled and no transaction is open on it. */
  async use<T>(plugin: string, tenant: CallTenant, work: (pool: PluginPool) => Promise<T>): Promise<T> {
    const entry = await this.#taken(ownerOf(plugin, tenant.id), tenant);
    try {
      return await work(await entry.pool);
    } finally {
      entry.users -= 1;
      entry.usedAt = performance.now();
      if (entry.users === 0) this.#wake();
    }
  }

  /** Closes those of a plugin, or of a tenant, whatever they are doing. */
  async close(which: { plugin?: string; tenant?: string }): Promise<void> {
    const { plugin, tenant } = which;
    const chosen = [...this.#entries].filter(
      ([, entry]) =>
        (plugin === undefined || entry.owner.startsWith(`${plugin}@`)) &&
        (tenant === undefined || entry.tenant === tenant),
    );
    await Promise.allSettled(chosen.map(([key, entry]) => this.#close(key, entry)));
  }

  async closeAll(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    await this.close({});
  }

  /** Counted among its users before anybody else can find it idle. */
  async #taken(owner: string, tenant: CallTenant): Promise<Entry> {
    const key = `${owner}#${tenant.serial}`;
    const until = performance.now() + patienceMs;
    for (;;) {
      const known = this.#entries.get(key);
      if (known !== undefined) {
        this.#entries.delete(key);
        this.#entries.set(key, known);
        known.users += 1;
        return known;
      }
      if (this.#entries.size < this.#options.most) return this.#open(key, owner, tenant.id);
      const idle = [...this.#entries].find(([, entry]) => isIdle(entry));
      if (idle !== undefined) await this.#close(...idle);
      else await this.#turn(until);
    }
  }

  #open(key: string, owner: string, tenant: string): Entry {
    const pool = this.#options.open(owner);
    const entry: Entry = { owner, tenant, pool, users: 1, usedAt: performance.now(), opened: undefined };
    this.#entries.set(key, entry);
    pool.then(
      (opened) => (entry.opened = opened),
      () => {
        this.#entries.delete(key);
        this.#wake();
      },
    );
    this.#sweeper ??= setInterval(() => this.#sweep(), this.#idleMs / 2).unref();
    return entry;
  }

  async #close(key: string, entry: Entry): Promise<void> {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    this.#options.forget(entry.owner);
    const pool = await entry.pool.catch(() => undefined);
    await pool?.end();
    this.#wake();
  }

  #sweep(): void {
    const before = performance.now() - this.#idleMs;
    for (const [key, entry] of this.#entries) {
      if (entry.usedAt < before && isIdle(entry)) void this.#close(key, entry).catch(() => undefined);
    }
  }

  /** Resolves when a pool may have become idle. */
  async #turn(until: number): Promise<void> {
    const ms = until - performance.now();
    if (ms <= 0) throw full(this.#options.most);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#waiting.add(resolve);
    await promise;
    this.#waiting.delete(resolve);
    clearTimeout(timer);
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
  }
}

function isIdle({ users, opened }: Entry): boolean {
  return users === 0 && opened !== undefined && opened.transactions === 0;
}

function full(most: number): XcoreError {
  return new XcoreError(
    "SERVICE_UNAVAILABLE",
    `${most} plugins and tenants use the database already; none became idle within ${formatDuration(patienceMs)}`,
    { hint: "Raise services.database.tenantConnections, and max_connections of the server with it." },
  );
}

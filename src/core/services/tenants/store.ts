// The table of tenants, in the core's own schema; made when tenants are first turned on.
import type { Pool, PoolClient } from "pg";
import { withLock } from "../database/core-schema.ts";

export type TenantState = "active" | "suspended" | "dropping";

export interface TenantQuotas {
  /** As it is written: "600/1m". */
  requests?: string | null;
  jobs?: number | null;
  /** As it is written: "1gb". */
  storage?: string | null;
}

export interface TenantRow {
  name: string;
  serial: number;
  state: TenantState;
  plugins: string[] | null;
  quotas: TenantQuotas;
  createdAt: string;
}

export const tenantsChannel = "xcore_tenants";

const table = `
  create table if not exists xcore.tenants (
    name text primary key,
    serial integer generated always as identity,
    state text not null check (state in ('active', 'suspended', 'dropping')),
    plugins text[],
    quotas jsonb not null,
    created_at timestamptz not null default now()
  )`;

const columns = "name, serial, state, plugins, quotas, created_at";

interface Row extends Omit<TenantRow, "createdAt"> {
  created_at: Date;
}

export class TenantStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async ensureTable(): Promise<void> {
    if (await this.#isThere()) return;
    await withLock(this.#pool, "tenants table", (client) => client.query(table));
  }

  /** None where tenants were never turned on. */
  async known(): Promise<TenantRow[]> {
    return (await this.#isThere()) ? this.all() : [];
  }

  async all(): Promise<TenantRow[]> {
    const { rows } = await this.#pool.query<Row>(`select ${columns} from xcore.tenants order by name`);
    return rows.map(rowOf);
  }

  async #isThere(): Promise<boolean> {
    const { rows } = await this.#pool.query<{ there: boolean }>(
      "select to_regclass('xcore.tenants') is not null as there",
    );
    return rows[0]?.there === true;
  }

  /** Runs `work` while nobody else changes this tenant; what it writes is seen, and told to other servers, once it is through. */
  change<T>(name: string, work: (change: TenantChange) => Promise<T>): Promise<T> {
    return withLock(this.#pool, `tenant:${name}`, async (client) => {
      const { rows } = await client.query<Row>(`select ${columns} from xcore.tenants where name = $1`, [
        name,
      ]);
      const [found] = rows;
      const result = await work(new TenantChange(client, name, found && rowOf(found)));
      await client.query("select pg_notify($1, '')", [tenantsChannel]);
      return result;
    });
  }
}

/** One tenant's row, held. */
export class TenantChange {
  readonly found: TenantRow | undefined;
  readonly #client: PoolClient;
  readonly #name: string;

  constructor(client: PoolClient, name: string, found: TenantRow | undefined) {
    this.#client = client;
    this.#name = name;
    this.found = found;
  }

  async insert({ plugins, quotas }: Pick<TenantRow, "plugins" | "quotas">): Promise<void> {
    await this.#client.query(
      "insert into xcore.tenants (name, state, plugins, quotas) values ($1, 'active', $2, $3)",
      [this.#name, plugins, JSON.stringify(quotas)],
    );
  }

  async update({ state, plugins, quotas }: Pick<TenantRow, "state" | "plugins" | "quotas">): Promise<void> {
    await this.#client.query(
      "update xcore.tenants set state = $2, plugins = $3, quotas = $4 where name = $1",
      [this.#name, state, plugins, JSON.stringify(quotas)],
    );
  }

  /** The row, and the names of locks that were only this tenant's. */
  async remove(): Promise<void> {
    await this.#client.query("delete from xcore.tenants where name = $1", [this.#name]);
    await this.#client.query("delete from xcore.locks where name = $1 or name like $2", [
      `tenant:${this.#name}`,
      `%@${this.#name}`,
    ]);
  }
}

function rowOf({ created_at: createdAt, ...row }: Row): TenantRow {
  return { ...row, createdAt: createdAt.toISOString() };
}

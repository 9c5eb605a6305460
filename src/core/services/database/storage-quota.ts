// How much is kept for each tenant in the database: measured now and then, and beyond its quota nothing more is written.
import type { Pool } from "pg";
import { XcoreError } from "../../base/error.ts";
import type { CallTenant } from "../../base/tenant.ts";
import { formatSize } from "../../base/units.ts";

interface Measured {
  bytes: number;
  at: number;
}

const measureEveryMs = 10_000;
const forgetAfterMs = 600_000;

// With indexes and what is stored out of line. Roles are known by name; Postgres would have to guess otherwise.
const size = `select coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8 as bytes
  from xcore.plugins p join pg_roles r on r.rolname = p.role join pg_namespace n on n.nspowner = r.oid
    join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'm')
  where p.name like '%@' || $1`;

export class StorageQuotas {
  readonly #pool: Pool;
  /** By serial. */
  readonly #measured = new Map<number, Measured>();
  readonly #measuring = new Map<number, Promise<Measured>>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Whether it may only read. As it was some seconds ago; the first time it is waited for. */
  async isFull(tenant: CallTenant): Promise<boolean> {
    if (tenant.maxBytes === undefined) return false;
    const known = this.#measured.get(tenant.serial);
    const isOld = known === undefined || performance.now() - known.at > measureEveryMs;
    // A database that does not answer says so by the call's own statement.
    const fresh = isOld ? this.#measure(tenant).catch(() => undefined) : undefined;
    const { bytes } = known ?? (await fresh) ?? { bytes: 0 };
    return bytes > tenant.maxBytes;
  }

  #measure({ id, serial }: CallTenant): Promise<Measured> {
    const under = this.#measuring.get(serial);
    if (under !== undefined) return under;
    const fresh = this.#pool
      .query<{ bytes: number }>(size, [id])
      .then(({ rows }) => {
        const measured = { bytes: rows[0]?.bytes ?? 0, at: performance.now() };
        this.#forgetOld();
        this.#measured.set(serial, measured);
        return measured;
      })
      .finally(() => this.#measuring.delete(serial));
    this.#measuring.set(serial, fresh);
    return fresh;
  }

  #forgetOld(): void {
    const before = performance.now() - forgetAfterMs;
    for (const [serial, { at }] of this.#measured) if (at < before) this.#measured.delete(serial);
  }
}

/** Frees place, if not at once: the one way of writing that is left to a tenant whose place is used up. */
export function isFreeing(statement: string): boolean {
  return /^\s*(delete|truncate)\b/i.test(statement);
}

/** The refusal of a write to a tenant that may only read; any other error as it is. */
export function storageFailure(error: unknown, { id, maxBytes = 0 }: CallTenant): unknown {
  if (!(error instanceof XcoreError) || error.details["sqlstate"] !== readOnly) return error;
  return new XcoreError(
    "TENANT_QUOTA",
    `tenant '${id}' has used up its ${formatSize(maxBytes)} in the database: outside of delete and truncate it can only be read`,
    { hint: `Give it more: xcore tenant set ${id} --storage <size>`, cause: error },
  );
}

/** read_only_sql_transaction */
const readOnly = "25006";

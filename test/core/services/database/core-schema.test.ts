import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "pg";
import { bootstrapKey, ensureCoreSchema } from "../../../../src/core/services/database/core-schema.ts";
import { until } from "../../../support/services.ts";
import { startSystemPostgres } from "../../../support/system-postgres.ts";

test("servers that start at the same time on an empty database make the core's tables once", async () => {
  await using postgres = await startSystemPostgres();
  await using clients = new AsyncDisposableStack();
  const connect = async (): Promise<Client> => {
    const client = clients.adopt(new Client({ connectionString: postgres.url }), (one) => one.end());
    await client.connect();
    return client;
  };
  const [holder, ...starting] = await Promise.all([1, 2, 3, 4].map(connect));
  assert.ok(holder);
  await holder.query("select pg_advisory_lock($1)", [bootstrapKey]);
  const made = starting.map((client) => ensureCoreSchema(client));
  // All have looked and found nothing by then.
  await until(async () => {
    const { rows } = await holder.query<{ n: number }>(
      "select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted",
    );
    return rows[0]?.n === starting.length;
  });
  await holder.query("select pg_advisory_unlock($1)", [bootstrapKey]);
  await Promise.all(made);
  const { rows } = await holder.query(
    "select obj_description('xcore'::regnamespace, 'pg_namespace') as made",
  );
  assert.deepEqual(rows, [{ made: "xcore 1" }]);
});

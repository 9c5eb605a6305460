// Several databases by name: a service of one's own is given the one it needs, and nothing is put into it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../../../src/core/config/read.ts";
import { silentLogger } from "../../../../src/core/base/log.ts";
import type { NamedDatabase } from "../../../../src/core/services/database/named-postgres.ts";
import { openServices } from "../../../../src/core/services/registry.ts";
import { testDatabase } from "../../../support/services.ts";
import { testWorkspace } from "../../../support/workspace.ts";

const reports = `export default {
  driver: "reports", options: { type: "object" }, needs: ["warehouse"],
  async open({ needs }) {
    const { rows } = await needs.warehouse.pool.query("select current_database() as name");
    return {
      driver: "reports",
      check: async () => ({ ok: true, latencyMs: 0, detail: rows[0].name }),
      forPlugin: async () => ({ calls: {}, async [Symbol.asyncDispose]() {} }),
      async [Symbol.asyncDispose]() {},
    };
  },
};
`;

test("a further database is opened, checked, handed to who needs it, and left as it is", async () => {
  await using server = await testDatabase();
  const { pool, connection } = server.service;
  await pool.query("create role visitor login");
  await pool.query("create database warehouse");
  const url = (database: string): string =>
    `postgres://visitor@localhost:${connection.port}/${database}?host=${connection.host}`;
  const services = (database: string): string =>
    `name: test\nservices:\n  warehouse: { driver: postgres, url: "${url(database)}", poolSize: 2 }\n  reports: { module: ./reports.ts }\n`;
  await using workspace = await testWorkspace({
    "integration.yaml": services("warehouse"),
    "reports.ts": reports,
  });
  const open = async () =>
    openServices(await readConfig({ workspace: workspace.folder }), { logger: silentLogger });
  {
    await using opened = await open();
    const status = await opened.status(1000);
    assert.equal(status.find(({ name }) => name === "reports")?.detail, "warehouse");
    assert.match(status.find(({ name }) => name === "warehouse")?.detail ?? "", /^Postgres \d/);
    const { pool: theirs } = opened.get("warehouse") as NamedDatabase;
    const { rows } = await theirs.query("select nspname from pg_namespace where nspname = 'xcore'");
    assert.deepEqual(rows, []);
  }
  await workspace.write("integration.yaml", services("nowhere"));
  await assert.rejects(open(), { code: "SERVICE_UNAVAILABLE", message: /"nowhere" does not exist/ });
});

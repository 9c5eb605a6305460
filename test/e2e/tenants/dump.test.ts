// The data of one tenant written into a file, dropped, and brought back; that of the others stays as it is.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { silentLogger } from "../../../src/core/base/log.ts";
import { readConfig } from "../../../src/core/config/read.ts";
import { dumpDatabase } from "../../../src/core/migrations/dump/dump.ts";
import { restoreDatabase } from "../../../src/core/migrations/dump/restore.ts";
import { openMigrations } from "../../../src/core/migrations/session.ts";
import { tenantServer } from "../../support/tenants.ts";

test("a tenant is dumped, dropped and restored alone", async () => {
  const plugins = ["notes", "mailer"];
  await using it = await tenantServer("{ from: { subdomain: example.test } }", {}, { plugins });
  const titles = async (tenant: string): Promise<string[]> =>
    ((await it.as(tenant, "/app/notes/")).body as { title: string }[]).map(({ title }) => title);
  for (const tenant of ["acme", "beta"]) {
    await it.create(tenant);
    await it.as(tenant, "/app/notes/", { method: "POST", body: { title: `of ${tenant}` } });
  }
  const config = await readConfig({ workspace: it.workspace.folder, env: {} });
  const file = join(it.workspace.folder, "acme.sql.gz");
  {
    await using session = await openMigrations(config, silentLogger);
    assert.deepEqual(
      session.all.map(({ name }) => name),
      ["application", "mailer", "mailer@acme", "mailer@beta", "notes", "notes@acme", "notes@beta"],
    );
    assert.throws(() => session.target("notes@nobody"), { code: "TENANT_UNKNOWN" });
    const report = await dumpDatabase({
      database: session.database,
      config,
      file,
      plugin: undefined,
      tenant: "acme",
    });
    assert.deepEqual(
      report.targets.map(({ target }) => target),
      ["mailer@acme", "notes@acme"],
    );
    const ofPlugin = await dumpDatabase({
      database: session.database,
      config,
      file: `${file}.notes`,
      plugin: "notes",
    });
    assert.deepEqual(
      ofPlugin.targets.map(({ target }) => target),
      ["notes", "notes@acme", "notes@beta"],
    );
  }
  await it.admin("/tenants/acme/drop", {});
  await it.create("acme");
  assert.deepEqual(await titles("acme"), []);
  await using session = await openMigrations(config, silentLogger);
  await restoreDatabase(session, { config, file });
  const restored = ((await it.as("acme", "/app/notes/1")).body as { title: string }).title;
  assert.equal(restored, "of acme");
  assert.deepEqual(await titles("beta"), ["of beta"]);
});

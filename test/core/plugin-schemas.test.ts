// What updates and rollbacks see of the database: a plugin's own schema and those it has for tenants, in a real Postgres.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pluginMigrations } from "../../src/core/migrations/plugin-migrations.ts";
import { readMigrations, schemasOf } from "../../src/core/plugin-schemas.ts";
import { testDatabase, type TestDatabase } from "../support/services.ts";
import { write } from "./plugins/installer/workspace.ts";

let database: TestDatabase;
let folder = "";
before(async () => {
  database = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), "xcore-migrations-"));
  write(folder, {
    "0001_one.sql": "-- migrate:up\ncreate table one (id int);\n-- migrate:down\ndrop table one;\n",
    "0002_two.sql": "create table two (id int);\n",
  });
});
after(async () => {
  await database?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

test("files say what they do and whether they can be undone", async () => {
  const files = await readMigrations(folder);
  assert.deepEqual(
    files.map(({ name, undoable }) => [name, undoable]),
    [
      ["0001_one", true],
      ["0002_two", false],
    ],
  );
  assert.deepEqual(await readMigrations(join(folder, "nowhere")), []);
});

test("what is applied is known for the plugin and for each of its tenants, and undone in each", async () => {
  const schemas = schemasOf(database.service);
  assert.deepEqual(await schemas.applied("notes"), []);
  await pluginMigrations(database.service, { plugin: "notes@acme", folder }).up({ only: ["0001_one"] });
  await pluginMigrations(database.service, { plugin: "notes-too", folder }).up();
  await schemas.apply("notes", folder);
  const names = ["0001_one", "0002_two"];
  assert.deepEqual(await schemas.applied("notes"), [
    { owner: "notes", names },
    { owner: "notes@acme", names },
  ]);
  await assert.rejects(schemas.undo("notes@acme", folder, "0"), {
    code: "MIGRATION_FAILED",
    message: /0002_two can't be undone/,
  });
  write(folder, {
    "0002_two.sql": "-- migrate:up\ncreate table two (id int);\n-- migrate:down\ndrop table two;\n",
  });
  await schemas.undo("notes@acme", folder, "0001_one");
  await schemas.undo("notes", folder, "0");
  assert.deepEqual(await schemas.applied("notes"), [{ owner: "notes@acme", names: ["0001_one"] }]);
});

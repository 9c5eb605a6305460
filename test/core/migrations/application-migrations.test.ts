// The application's migrations by MikroORM on a real database: made from entities, up, down, faults.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Config } from "../../../src/core/config/config.ts";
import { readConfig } from "../../../src/core/config/read.ts";
import { silentLogger } from "../../../src/core/base/log.ts";
import { migrateApplication } from "../../../src/core/migrations/at-start.ts";
import { openMigrations, type MigrationSession } from "../../../src/core/migrations/session.ts";
import type { DatabaseService } from "../../../src/core/services/database/database.ts";
import { embeddedPostgres } from "../../../src/core/services/database/embedded-postgres.ts";
import { openProvider } from "../../support/services.ts";
import { testWorkspace, type TestWorkspace } from "../../support/workspace.ts";

const user = `import { defineEntity, p } from "xcore/orm";
export const User = defineEntity({
  name: "User",
  tableName: "users",
  properties: { id: p.integer().primary(), email: p.string().unique() },
});
`;

async function project(): Promise<{ workspace: TestWorkspace; config: Config }> {
  const workspace = await testWorkspace({
    "integration.yaml": "name: test\nmigrations: { entities: [entities/*.ts] }\n",
    "package.json": '{ "type": "module" }',
    "entities/user.ts": user,
  });
  return { workspace, config: await readConfig({ workspace: workspace.folder }) };
}

async function open(config: Config): Promise<MigrationSession> {
  return openMigrations(config, silentLogger);
}

const states = async ({ application }: MigrationSession): Promise<string[]> =>
  (await application.status()).map(({ state }) => state);

test("a migration is made from the difference, applied, and then there is none", async () => {
  const { workspace, config } = await project();
  await using _workspace = workspace;
  await using session = await open(config);
  const { file, statements } = await session.create(undefined, { name: "add users", empty: false });
  assert.match(file ?? "", /Migration\d{14}_add_users\.ts$/);
  assert.match(await readFile(file ?? "", "utf8"), /^import \{ Migration \} from "xcore\/orm";/);
  assert.ok(
    statements.every((sql) => /"users"/.test(sql)),
    statements.join("\n"),
  );
  await assert.rejects(session.create(undefined, { name: "again", empty: false }), {
    code: "MIGRATION_PENDING",
  });
  assert.deepEqual(await states(session), ["pending"]);
  assert.equal((await session.application.up()).length, 1);
  assert.deepEqual(await session.application.up(), []);
  assert.deepEqual(await session.create(undefined, { name: "none", empty: false }), {
    file: undefined,
    statements: [],
  });
  assert.equal((await session.application.down()).length, 1);
  assert.deepEqual(await states(session), ["pending"]);
});

test("a failing one rolls back whole and names file and statement; those before it stay", async () => {
  const { workspace, config } = await project();
  await using _workspace = workspace;
  const migration = (name: string, ...sql: string[]): string =>
    `import { Migration } from "xcore/orm";
export class ${name} extends Migration {
  override up() {\n${sql.map((one) => `this.addSql(${JSON.stringify(one)});`).join("\n")} }
  override down() { this.addSql("drop table ok"); }
}`;
  await workspace.write("migrations/Migration1.ts", migration("Migration1", "create table ok (id int)"));
  await workspace.write(
    "migrations/Migration2.ts",
    migration("Migration2", "create table half (id int)", "alter table nowhere add x int"),
  );
  await using session = await open(config);
  await assert.rejects(session.application.up(), {
    code: "MIGRATION_FAILED",
    message: /Migration2.*relation "nowhere" does not exist\s+in: alter table nowhere add x int/s,
  });
  assert.deepEqual(await states(session), ["applied", "pending"]);
});

test("an applied one that says something else is refused; one that is only laid out anew is not", async () => {
  const { workspace, config } = await project();
  await using _workspace = workspace;
  await using session = await open(config);
  const { file = "" } = await session.create(undefined, { name: "users", empty: false });
  await session.application.up();
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replaceAll("'", '"').replaceAll("  ", "\t"));
  assert.deepEqual(await session.application.up(), []);
  await writeFile(file, text.replace("varchar(255)", "text"));
  await assert.rejects(session.application.up(), { code: "MIGRATION_CHANGED" });
  assert.deepEqual(await states(session), ["changed"]);
});

test("of two at once one waits", async () => {
  const { workspace, config } = await project();
  await using _workspace = workspace;
  await using first = await open(config);
  await using second = await open(config);
  await first.create(undefined, { name: "users", empty: false });
  const done = await Promise.all([first.application.up(), second.application.up()]);
  assert.equal(done.flat().length, 1);
});

test("at a start pending ones are applied, or stop it where integration.yaml says check", async () => {
  const { workspace, config } = await project();
  await using _workspace = workspace;
  {
    await using session = await open(config);
    await session.create(undefined, { name: "users", empty: false });
  }
  const folder = workspace.folder;
  await using database = (await openProvider(embeddedPostgres, {
    name: "database",
    folder,
  })) as DatabaseService;
  const check: Config = { ...config, migrations: { ...config.migrations, mode: "check" } };
  await assert.rejects(migrateApplication({ config: check, database, logger: silentLogger }), {
    code: "MIGRATION_PENDING",
    message: /Migration\d+_users/,
    hint: /xcore migrate/,
  });
  await migrateApplication({ config, database, logger: silentLogger });
  await migrateApplication({ config: check, database, logger: silentLogger });
});

test("without entities there is nothing to compare, and an empty one can be written", async () => {
  await using workspace = await testWorkspace({
    "integration.yaml": "name: test\n",
    "package.json": '{"type":"module"}',
  });
  const config = await readConfig({ workspace: workspace.folder });
  await using session = await open(config);
  await assert.rejects(session.create(undefined, { name: undefined, empty: false }), {
    message: /no entities/,
  });
  const { file = "" } = await session.create(undefined, { name: undefined, empty: true });
  assert.match(file, new RegExp(`^${join(workspace.folder, "migrations")}/Migration\\d{14}\\.ts$`));
  assert.equal((await session.application.up()).length, 1);
});

test("a plugin is found by name, and one without a database or of no such name is told", async () => {
  await using workspace = await testWorkspace();
  await workspace.copyPlugin("notes");
  await workspace.copyPlugin("hello");
  const config = await readConfig({ workspace: workspace.folder });
  await using session = await open(config);
  assert.deepEqual(
    session.all.map(({ name }) => name),
    ["application", "notes"],
  );
  assert.equal((await session.target("notes").up()).length, 1);
  assert.throws(() => session.target("note"), { code: "PLUGIN_NOT_FOUND", message: /did you mean 'notes'/ });
  assert.throws(() => session.target("hello"), { code: "PERMISSION_UNDECLARED" });
});

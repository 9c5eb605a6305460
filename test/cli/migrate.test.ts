// xcore migrate, as a person runs it, without a server.
import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { packageFile, packageRoot } from "../../src/core/base/package-root.ts";
import { testWorkspace } from "../support/workspace.ts";
import { xcore } from "./support/run.ts";

test("xcore migrate goes up, down and tells where it is", async () => {
  await using workspace = await testWorkspace();
  await workspace.copyPlugin("notes");
  const run = (...args: string[]) => xcore(["migrate", ...args], { cwd: workspace.folder });
  const before = await run("status");
  assert.match(before.stdout, /notes\s+0001_create_notes\s+pending/);
  assert.match(before.stderr, /xcore migrate/);
  const up = await run();
  assert.deepEqual([up.code, up.stdout, up.stderr], [0, "applied notes: 0001_create_notes\n", ""]);
  assert.equal((await run("up")).stdout, "Nothing to do: no migration is pending.\n");
  const { targets } = JSON.parse((await run("status", "--plugin", "notes", "--json")).stdout) as {
    targets: { target: string; migrations: { name: string; state: string }[] }[];
  };
  assert.equal(targets[0]?.migrations[0]?.state, "applied");
  const down = JSON.parse((await run("down", "--plugin", "notes", "--json")).stdout) as object;
  assert.deepEqual(down, {
    ok: true,
    format: 1,
    undone: [{ target: "notes", migrations: ["0001_create_notes"] }],
  });
  assert.equal((await run("down", "--plugin", "notes")).stdout, "Nothing to do: no migration is applied.\n");
});

test("xcore migrate create writes a file for a plugin; a failing one exits 65 and names its line", async () => {
  await using workspace = await testWorkspace();
  await workspace.copyPlugin("notes");
  const run = (...args: string[]) => xcore(["migrate", ...args], { cwd: workspace.folder });
  const created = await run("create", "add tags", "--plugin", "notes");
  assert.match(created.stdout, /^Wrote plugins\/notes\/migrations\/\d{14}_add_tags\.sql\n$/);
  const files = await readdir(join(workspace.folder, "plugins/notes/migrations"));
  const file = files.find((name) => name.includes("add_tags")) ?? "";
  await workspace.write(
    `plugins/notes/migrations/${file}`,
    "-- migrate:up\nselect 1;\nalter table nowhere add x int;\n",
  );
  const failed = await run("--plugin", "notes");
  assert.equal(failed.code, 65);
  assert.match(failed.stderr, /add_tags\.sql:3: relation "nowhere" does not exist/);
  const unknown = await run("status", "--plugin", "note");
  assert.equal(unknown.code, 65);
  assert.match(unknown.stderr, /did you mean 'notes'/);
  const none = await run("create", "users");
  assert.equal(none.code, 65);
  assert.match(none.stderr, /no entities.*--empty/s);
});

test("entities and migrations of the application need no package beside xcore", async () => {
  await using workspace = await testWorkspace({
    "integration.yaml": "name: shop\nmigrations: { entities: [app/entities.ts] }\n",
    "package.json": '{ "type": "module" }',
  });
  const at = (path: string): string => join(workspace.folder, path);
  await rm(at("node_modules"));
  await mkdir(at("node_modules"));
  await symlink(packageRoot, at("node_modules/xcore"));
  for (const part of ["app", "migrations"])
    await cp(packageFile("templates", "app", part), at(part), { recursive: true });
  const run = (...args: string[]) => xcore(["migrate", ...args], { cwd: workspace.folder });
  const plan = await run("--dry-run");
  assert.match(
    plan.stdout,
    /^-- application: Migration\d+_create_account\ncreate table "account" \([^;]+;\n/,
  );
  const pending = await run("check");
  assert.equal(pending.code, 1);
  assert.match(pending.stdout, /^pending application: Migration\d+_create_account\n$/);
  assert.match(pending.stderr, /xcore migrate\n$/);
  const up = await run();
  assert.match(up.stdout, /^applied application: Migration\d+_create_account\n$/, up.stderr);
  assert.match((await run("create", "more")).stdout, /^Nothing to write/);
  const clean = await run("check", "--json");
  assert.deepEqual(JSON.parse(clean.stdout), { ok: true, format: 1, clean: true, faults: [], drift: [] });
  assert.equal(clean.code, 0);
  const entities = await readFile(at("app/entities.ts"), "utf8");
  await workspace.write(
    "app/entities.ts",
    entities.replace("email:", "nickname: p.string().nullable(), email:"),
  );
  const drifted = await run("check");
  assert.equal(drifted.code, 1);
  assert.match(drifted.stdout, /differs application:.*\n {2}alter table "account" add.*"nickname"/);
  assert.match(drifted.stderr, /xcore migrate create <name>/);
});

// xcore db, as a person runs it: dump, reset, restore, psql; never data away without a yes or under a running server.
import assert from "node:assert/strict";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openTestCore, testWorkspace } from "../support/workspace.ts";
import { xcore } from "./support/run.ts";

test("data is dumped beside a server, thrown away only without one, and brought back", async () => {
  await using workspace = await testWorkspace();
  await workspace.copyPlugin("links");
  const run = (args: string[], env: Record<string, string> = {}) =>
    xcore(["db", ...args], { cwd: workspace.folder, env });
  {
    await using server = await openTestCore(workspace);
    await workspace.write(
      "plugins/links/seeds/1.sql",
      "insert into links (slug, target) values ('a', 'b') on conflict do nothing",
    );
    assert.equal((await run(["seed"])).stdout, "ran links: 1.sql\n");
    const dump = await run(["dump", "all.sql"]);
    assert.equal(dump.stdout, "application: 0 rows of 0 tables\nlinks: 1 row of 1 table\n", dump.stderr);
    const refused = await run(["reset", "--yes"]);
    assert.equal(refused.code, 75);
    assert.match(refused.stderr, /xcore stop/);
    assert.equal((await server.core.status()).healthy, true);
  }
  const unasked = await run(["reset"]);
  assert.equal(unasked.code, 2);
  assert.match(unasked.stderr, /missing: --yes/);
  assert.equal((await run(["reset", "--yes"])).stdout, "Emptied application, links\n");
  const restored = await run(["restore", "all.sql", "--yes", "--json"]);
  assert.deepEqual(JSON.parse(restored.stdout), {
    ok: true,
    format: 1,
    targets: ["application", "links"],
    tables: 1,
    rows: 1,
  });
  await workspace.write("bin/psql", '#!/bin/sh\necho "$PGUSER $PGDATABASE $*"\n');
  await chmod(join(workspace.folder, "bin/psql"), 0o755);
  const path = `${join(workspace.folder, "bin")}:${process.env["PATH"] ?? ""}`;
  const opened = await run(["psql", "--plugin", "links", "--", "-c", "select 1", "-c", "x"], { PATH: path });
  assert.equal(opened.stdout, "plugin_links xcore -c select 1 -c x\n", opened.stderr);
  const none = await run(["psql", "--", "-c", "select 1"], { PATH: "/nonexistent" });
  assert.equal(none.code, 69);
  assert.match(none.stderr, /no psql on this machine.*host .*port/s);
});

// A new revision in its first minute: what fails goes back by itself, what stands is a plugin as any other.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { silentLogger } from "../../src/core/base/log.ts";
import { openPluginSchemas } from "../../src/core/plugin-schemas.ts";
import { readLock } from "../../src/core/plugins/lock.ts";
import { commit } from "../core/plugins/installer/workspace.ts";
import { add, answering, files, openLive, update } from "../support/live.ts";
import { until } from "../support/workspace.ts";

describe("in a running server", () => {
  const faults: [string, string, RegExp][] = [
    ["crashes", `"GET /crash": () => { for (;;) {} }`, /without a pause|a processor worked on it/],
    [
      "answers with errors",
      `"GET /crash": () => { throw new Error("broken"); }`,
      /of its first \d+ requests failed/,
    ],
  ];
  for (const [what, route, pattern] of faults) {
    test(`a revision that ${what} in its first minute goes back by itself, in the server and in xcore.lock, and says so`, async () => {
      await using live = await openLive();
      const permissions = "permissions: { database: true }\n";
      const notes = live.repository(files("notes", "1.0.0", answering("one"), permissions));
      await add(live, notes);
      commit(notes, {
        ...files("notes", "1.1.0", `routes: { "GET /": () => "two", ${route} }`, permissions),
        "migrations/0001_new.sql":
          "-- migrate:up\ncreate table more (id int);\n-- migrate:down\ndrop table more;\n",
      });
      assert.equal((await update(live)).updated.length, 1);
      assert.equal(await (await fetch(`${live.address}/app/notes/`)).text(), "two");
      await Promise.allSettled(Array.from({ length: 25 }, () => fetch(`${live.address}/app/notes/crash`)));
      await until(
        () => live.version("notes"),
        (version) => version === "1.0.0",
      );
      assert.equal(
        await until(
          async () => (await fetch(`${live.address}/app/notes/`)).text(),
          (text) => text === "one",
        ),
        "one",
      );
      const { wentBack } = (await readLock(live.config.workspace)).plugins["notes"] ?? {};
      assert.equal(wentBack?.version, "1.1.0");
      assert.match(wentBack?.reason ?? "", pattern);
      assert.ok(
        live.log.some(({ message }) =>
          /1\.1\.0 failed its first minute and went back to 1\.0\.0/.test(message),
        ),
      );
      const status = (await (
        await fetch(`${live.address}/_xcore/plugins/notes`, {
          headers: { authorization: `Bearer test-token-test-token-test-token` },
        })
      ).json()) as { wentBack: { version: string } };
      assert.equal(status.wentBack.version, "1.1.0");
      await using schemas = await openPluginSchemas(live.config, silentLogger);
      assert.deepEqual(await schemas.applied("notes"), []);
    });
  }

  test("a revision that stood its first minute is restarted where it is, as any other", async () => {
    await using live = await openLive(100);
    const notes = live.repository(files("notes", "1.0.0", answering("one")));
    await add(live, notes);
    commit(
      notes,
      files(
        "notes",
        "1.1.0",
        `routes: { "GET /": () => "two", "GET /crash": () => { throw new Error("no"); } }`,
      ),
    );
    await update(live);
    await until(
      () => live.log,
      (log) => log.some(({ message }) => /stood its first minute/.test(message)),
    );
    await Promise.all(Array.from({ length: 25 }, () => fetch(`${live.address}/app/notes/crash`)));
    assert.equal(await (await fetch(`${live.address}/app/notes/`)).text(), "two");
    assert.equal(await live.version("notes"), "1.1.0");
  });
});

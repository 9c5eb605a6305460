// ctx.db from inside a real isolate on a real Postgres: typed queries by Kysely, transactions, cursors.
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openTestCore, testWorkspace, type TestCore, type TestWorkspace } from "../support/workspace.ts";

const orders = fileURLToPath(new URL("../fixtures/plugins/orders", import.meta.url));

describe("a plugin's database", () => {
  let workspace: TestWorkspace;
  let server: TestCore;

  before(async () => {
    workspace = await testWorkspace();
    await cp(orders, join(workspace.folder, "plugins/orders"), { recursive: true });
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  const call = async (action: string, input: object | null = null): Promise<unknown> => {
    const answer = await server.admin(`/plugins/orders/actions/${action}`, {
      method: "POST",
      body: JSON.stringify(input),
    });
    const body = await answer.text();
    assert.equal(answer.status, 200, body);
    return JSON.parse(body) as unknown;
  };

  test("Kysely's queries run with their types, and count what they change", async () => {
    assert.deepEqual(await call("typed"), { item: "tea", amount: 3, updated: 1, deleted: 1 });
  });

  test("Kysely's transactions commit, roll back, and know savepoints", async () => {
    assert.deepEqual(await call("transactions"), ["kept", "kept too", "kept three"]);
  });

  test("a cursor reads more rows than one result may have", async () => {
    assert.deepEqual(await call("cursor", { n: 25_000 }), { rows: 25_000, sum: (25_000 * 25_001) / 2 });
    assert.deepEqual(await call("cursor", { n: 0 }), { rows: 0, sum: 0 });
    assert.equal(await call("stream", { n: 450 }), 450);
  });

  test("a loop that is left early gives its connection back", async () => {
    assert.deepEqual(await call("early"), [0, 1, 2, 3, 4, 5]);
  });

  test("a cursor in a transaction sees it, and statements go between its rows", async () => {
    assert.equal(await call("inside", { n: 450 }), 450);
  });

  test("a cursor fails with what Postgres said, and the next one works", async () => {
    const said = (await call("fails")) as string[];
    assert.match(said[0] ?? "", /division by zero/);
    assert.match(said[1] ?? "", /syntax error at or near "delete"/);
    assert.match(said[2] ?? "", /batch must be a whole number/);
    assert.equal(said[3], "nothing");
  });
});

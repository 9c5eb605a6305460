// What a plugin did not ask for: a coded error inside and in the log, and a fault of the plugin's to its client.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

const uses: Record<string, string> = {
  database: "ctx.db.sql`select 1`",
  cache: `ctx.cache.get("x")`,
  jobs: `ctx.jobs.add("x", {})`,
  events: `ctx.events.publish("x.y", {})`,
  call: `ctx.call("mailer.send", {})`,
  fetch: `fetch("https://example.com/")`,
};

describe("a plugin without permissions", () => {
  let workspace: TestWorkspace;
  let server: TestCore;

  before(async () => {
    const routes = Object.entries(uses).flatMap(([name, use]) => [
      `"GET /${name}": async (_request, ctx) => ${use}`,
      `"GET /${name}/caught": async (_request, ctx) => { try { await ${use} } catch (error) { return error.code } }`,
    ]);
    workspace = await testWorkspace(
      pluginFiles("modest", `export default definePlugin({ routes: { ${routes.join(",\n")} } });`),
    );
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  for (const permission of Object.keys(uses)) {
    test(`is told what it lacks when it uses ${permission}`, async () => {
      const caught = await server.get(`/app/modest/${permission}/caught`);
      assert.equal(await caught.text(), "PERMISSION_UNDECLARED");
      const answer = await server.get(`/app/modest/${permission}`);
      const problem = (await answer.json()) as { code: string; detail: string };
      assert.deepEqual([answer.status, problem.code], [500, "PERMISSION_UNDECLARED"]);
      assert.match(problem.detail, /modest.*plugin\.yaml/);
    });
  }

  test("its faults are counted and logged as errors", async () => {
    const { plugins } = await server.core.status();
    assert.equal(plugins[0]?.errors, Object.keys(uses).length);
    const lines = server.log.filter((line) => line.fields["code"] === "PERMISSION_UNDECLARED");
    assert.deepEqual(new Set(lines.map((line) => line.level)), new Set(["error"]));
  });
});

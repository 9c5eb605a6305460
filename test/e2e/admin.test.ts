// The admin API and the open health routes on a real core.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";
import type { StatusReport } from "../../src/core/status.ts";

describe("the admin API", () => {
  let workspace: TestWorkspace;
  let server: TestCore;

  before(async () => {
    workspace = await testWorkspace(
      pluginFiles(
        "echo",
        `export default definePlugin({
        routes: { "GET /": () => "one" },
        actions: { twice: { input: { type: "number" }, run: (n: number) => n * 2 } },
      });`,
      ),
    );
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  test("needs the token: without or with a wrong one the answer is 401 problem+json", async () => {
    for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: "Basic eDp5" }]) {
      const answer = await server.get("/_xcore/status", { headers });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      assert.match(answer.headers.get("www-authenticate") ?? "", /Bearer/);
      assert.equal(((await answer.json()) as { code: string }).code, "UNAUTHORIZED");
    }
  });

  test("does not answer to a foreign host name", async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const url = new URL(`${server.core.address}/_xcore/status`);
    const headers = { host: "attacker.example", authorization: "Bearer test-token-test-token-test-token" };
    request(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).end();
    assert.equal(await promise, 403);
  });

  test("tells the status, the services, and one plugin", async () => {
    const report = (await (await server.admin("/status")).json()) as StatusReport;
    assert.deepEqual([report.version, report.healthy, report.plugins[0]?.name], [1, true, "echo"]);
    const services = (await (await server.admin("/services")).json()) as { name: string; ok: boolean }[];
    assert.deepEqual(services.map((service) => [service.name, service.ok]).sort(), [
      ["cache", true],
      ["database", true],
      ["events", true],
      ["jobs", true],
    ]);
    const info = (await (await server.admin("/plugins/echo")).json()) as { declares: { routes: string[] } };
    assert.deepEqual(info.declares.routes, ["GET /"]);
  });

  test("answers 404 with the nearest name, 405 with Allow, 422 for a wrong shape", async () => {
    const missing = await server.admin("/plugins/ecko");
    assert.equal(missing.status, 404);
    assert.match(((await missing.json()) as { hint: string }).hint, /echo/);
    assert.equal((await server.admin("/nothing")).status, 404);
    const wrongMethod = await server.admin("/status", { method: "POST" });
    assert.equal(wrongMethod.status, 405);
    assert.match(wrongMethod.headers.get("allow") ?? "", /GET/);
    assert.equal((await server.admin("/jobs?limit=many")).status, 422);
    assert.equal(
      (await server.admin("/plugins/echo/actions/twice", { method: "POST", body: "{" })).status,
      422,
    );
  });

  test("unloads, loads, reloads and calls", async () => {
    assert.equal((await server.admin("/plugins/echo/unload", { method: "POST" })).status, 200);
    assert.equal((await server.get("/app/echo/")).status, 503);
    assert.equal((await server.admin("/plugins/echo/load", { method: "POST" })).status, 200);
    assert.equal(await (await server.get("/app/echo/")).text(), "one");
    const reloaded = (await (await server.admin("/plugins/echo/reload", { method: "POST" })).json()) as {
      revision: number;
    };
    assert.equal(reloaded.revision, 3);
    const called = await server.admin("/plugins/echo/actions/twice", { method: "POST", body: "21" });
    assert.equal(await called.json(), 42);
    const unknown = await server.admin("/plugins/echo/actions/thrice", { method: "POST", body: "1" });
    assert.equal(unknown.status, 404);
  });

  test("livez and readyz need no token; unknown places and plugins are 404 problems", async () => {
    assert.equal((await server.get("/livez")).status, 200);
    assert.equal((await server.get("/readyz")).status, 200);
    assert.equal((await server.get("/")).status, 404);
    const near = await server.get("/app/ecko/");
    assert.equal(near.status, 404);
    assert.match(((await near.json()) as { hint: string }).hint, /echo/);
  });
});

// Actions from plugin to plugin on a real core: who may call, deadlines and cancellation down the chain.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  until,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

const stock = `
  const gone = (ctx: any, what: string) => new Promise<null>((resolve) => {
    console.log("waits: " + what);
    ctx.signal.addEventListener("abort", () => { console.log("gone: " + what); resolve(null); });
  });
  export default definePlugin({ actions: {
    reserve: { input: { type: "object", required: ["item"], properties: { item: { type: "string" } } }, output: { type: "object", properties: { left: { type: "integer" } } }, run: ({ item }: any) => ({ left: item.length }) },
    wrong: { output: { type: "number" }, run: () => "no number" as never },
    secret: { callers: ["audit"], run: () => "for the auditor" },
    nobody: { callers: [], run: () => 1 },
    patient: { run: (input, ctx) => gone(ctx, "patient") },
    back: { run: (input: any, { call }: any) => call("orders.call", input) },
    ...Object.fromEntries(Array.from({ length: 30 }, (_, at) => [
      "step" + at, { run: (input: any, { call }: any) => call("stock.step" + (at + 1)) },
    ])),
  } });`;

const caller = `export default definePlugin({
    routes: {
      "POST /:action": async (request, { call, params }: any) => ({ answer: await call("stock." + params.action, await request.json().catch(() => null)) }),
    },
    actions: { call: { run: async (target: any, { call }: any) => { try { return await call(target, target === "stock.back" ? "stock.back" : null); } catch (error: any) { return { code: error.code, message: error.message }; } } } },
  });`;

describe("actions between plugins", () => {
  let workspace: TestWorkspace;
  let server: TestCore;

  const call = async (name: string, target: string): Promise<{ code: string; message: string }> => {
    const answer = await server.admin(`/plugins/${name}/actions/call`, {
      method: "POST",
      body: JSON.stringify(target),
    });
    return (await answer.json()) as { code: string; message: string };
  };
  const operate = async (action: string, input: unknown = null): Promise<unknown> => {
    const answer = await server.admin(`/plugins/stock/actions/${action}`, {
      method: "POST",
      body: JSON.stringify(input),
    });
    return answer.json();
  };
  const logged = (what: string): number =>
    server.log.filter(({ message }) => message.includes(`${what}: patient`)).length;

  before(async () => {
    workspace = await testWorkspace({
      ...pluginFiles(
        "stock",
        stock,
        "limits: { timeout: 1s }\npermissions: { call: [orders.call, 'stock.*'] }\n",
      ),
      ...pluginFiles("orders", caller, "permissions: { call: ['stock.*'] }\n"),
      ...pluginFiles("hasty", caller, "limits: { timeout: 300ms }\npermissions: { call: ['stock.*'] }\n"),
      ...pluginFiles("audit", caller, "permissions: { call: [stock.secret] }\n"),
    });
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  test("input and output are held against the callee's schemas", async () => {
    const post = (action: string, body: unknown): Promise<Response> =>
      server.get(`/app/orders/${action}`, { method: "POST", body: JSON.stringify(body) });
    assert.deepEqual(await (await post("reserve", { item: "abc" })).json(), { answer: { left: 3 } });
    const wrong = await post("reserve", { item: 1 });
    assert.equal(wrong.status, 422);
    assert.match(await wrong.text(), /action 'reserve': the input is not valid: \/item/);
    const output = await call("orders", "stock.wrong");
    assert.equal(output.code, "OUTPUT_INVALID");
    assert.match(output.message, /plugin 'stock@1\.0\.0': action 'wrong': the output is not valid/);
  });

  test("the caller's plugin.yaml and the callee's callers must both agree; the operator may call everything", async () => {
    assert.deepEqual(await call("audit", "stock.secret"), "for the auditor");
    const undeclared = await call("audit", "stock.reserve");
    assert.equal(undeclared.code, "PERMISSION_UNDECLARED");
    const refused = await call("orders", "stock.secret");
    assert.equal(refused.code, "CALLER_REFUSED");
    assert.match(refused.message, /'stock' offers its action 'secret' only to audit, not to 'orders'/);
    assert.equal((await call("orders", "stock.nobody")).code, "CALLER_REFUSED");
    assert.equal(await operate("secret"), "for the auditor");
    const route = await server.get("/app/orders/secret", { method: "POST" });
    assert.equal(route.status, 500);
    assert.equal((await call("orders", "stock.nothing")).code, "ACTION_NOT_FOUND");
  });

  test("what the caller has left bounds the callee, and so does the callee's own limit", async () => {
    const hasty = await server.get("/app/hasty/patient", { method: "POST" });
    assert.equal(hasty.status, 504);
    await until(
      () => logged("gone"),
      (count) => count === 1,
    );
    const own = await call("orders", "stock.patient");
    assert.equal(own.code, "PLUGIN_TIMEOUT");
    assert.match(own.message, /plugin 'stock@1\.0\.0': the action 'patient' was not answered within 1 s/);
    await until(
      () => logged("gone"),
      (count) => count === 2,
    );
  });

  test("a client that goes cancels the whole chain", async () => {
    const [waits, gone] = [logged("waits"), logged("gone")];
    const client = new AbortController();
    const request = server.get("/app/orders/patient", { method: "POST", signal: client.signal });
    request.catch(() => undefined);
    await until(
      () => logged("waits"),
      (count) => count === waits + 1,
    );
    client.abort();
    await until(
      () => logged("gone"),
      (count) => count === gone + 1,
    );
  });

  test("a circle and a chain that is too deep are refused with the chain named", async () => {
    const circle = await call("orders", "stock.back");
    assert.equal(circle.code, "CALL_CYCLE");
    assert.match(circle.message, /orders\.call -> stock\.back -> orders\.call/);
    const deep = await call("orders", "stock.step0");
    assert.equal(deep.code, "CALL_DEPTH");
    assert.match(deep.message, /more than 16 deep: orders\.call -> stock\.step0 -> stock\.step1/);
  });
});

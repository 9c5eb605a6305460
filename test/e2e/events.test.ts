// Events between plugins of one server: payloads held to their schema, durable ones through the job queue, gone with the plugin.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { JobSummary } from "../../src/core/services/jobs/jobs.ts";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  until,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

const publisher = `export default definePlugin({
  publishes: { "order.placed": { type: "object", required: ["id"], properties: { id: { type: "integer" } } } },
  routes: {
    "POST /:name": async (request, { events, params, query }: any) => {
      const durable = query.durable === "1";
      await events.publish(params.name, await request.json(), durable ? { durable } : undefined);
    },
  },
});`;

const handler = `
  const failed = new Set<string>();
  export default definePlugin({
    events: {
      "order.*": (event, { log }) => {
        if ((event.payload as any)?.fail === true && !failed.has(event.id ?? "")) {
          failed.add(event.id ?? "");
          throw new Error("not yet");
        }
        log.info("heard", { name: event.name, payload: event.payload, source: event.source, id: event.id ?? null });
      },
    },
  });`;

interface Heard {
  name: string;
  payload: { id: number };
  source: string;
  id: string | null;
}

describe("events between plugins", () => {
  let workspace: TestWorkspace;
  let server: TestCore;

  const heard = (id: number): Heard[] =>
    server.log
      .filter(({ message }) => message === "heard")
      .map(({ fields }) => fields["guest"] as Heard)
      .filter(({ payload }) => payload.id === id);
  const publish = (name: string, payload: unknown, query = ""): Promise<Response> =>
    server.get(`/app/shop/${name}${query}`, { method: "POST", body: JSON.stringify(payload) });
  const admin = async (path: string): Promise<void> => {
    assert.equal((await server.admin(path, { method: "POST" })).status, 200);
  };

  before(async () => {
    workspace = await testWorkspace({
      ...pluginFiles("shop", publisher, "permissions: { events: { publish: ['order.*'] } }\n"),
      ...pluginFiles("mail", handler, "permissions: { events: { subscribe: ['order.*'] } }\n"),
      ...pluginFiles("stock", handler, "permissions: { events: { subscribe: ['order.*'] } }\n"),
    });
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  test("a live one reaches each handler once, a payload that does not fit its schema none", async () => {
    assert.equal((await publish("order.placed", { id: 1 })).status, 204);
    await until(
      () => heard(1),
      (all) => all.length === 2,
    );
    assert.deepEqual(heard(1)[0], { name: "order.placed", payload: { id: 1 }, source: "shop", id: null });
    const refused = await publish("order.placed", { id: "2" });
    assert.equal(refused.status, 422);
    assert.match(await refused.text(), /event 'order\.placed': the payload is not valid: \/id/);
  });

  test("a durable one is tried again where it failed, with the same id, and nowhere else", async () => {
    assert.equal((await publish("order.paid", { id: 3, fail: true }, "?durable=1")).status, 204);
    await until(
      () => heard(3),
      (all) => all.length === 2,
    );
    const ids = new Set(heard(3).map(({ id }) => id));
    assert.equal(ids.size, 1);
    assert.match([...ids][0] ?? "", /^[0-9a-f-]{36}$/);
  });

  test("a durable one waits for a plugin that is away, a live one does not", async () => {
    await admin("/plugins/mail/unload");
    assert.equal((await publish("order.paid", { id: 4 })).status, 204);
    assert.equal((await publish("order.paid", { id: 5 }, "?durable=1")).status, 204);
    await until(
      () => heard(5),
      (all) => all.length === 1,
    );
    await admin("/plugins/mail/load");
    await until(
      () => heard(5),
      (all) => all.length === 2,
    );
    await until(
      () => heard(4),
      (all) => all.length === 1,
    );
  });

  test("handlers go with the revision: after a reload without them nothing is delivered", async () => {
    await workspace.write(
      "plugins/stock/index.ts",
      `import { definePlugin } from "xcore/plugin";\nexport default definePlugin({});`,
    );
    await admin("/plugins/stock/reload");
    await publish("order.placed", { id: 6 });
    await publish("order.paid", { id: 7 }, "?durable=1");
    await until(
      () => heard(7),
      (all) => all.length === 1,
    );
    await until(
      () => heard(6),
      (all) => all.length === 1,
    );
    // The one of the durable event before may be written down as done a moment after it was heard.
    await until(
      async () => (await (await server.admin("/jobs?plugin=stock")).json()) as JobSummary[],
      (jobs) => jobs.every(({ state }) => state === "done"),
    );
  });

  test("a new build whose payload is another is let in, and the log names who handles it", async () => {
    await workspace.write(
      "plugins/shop/index.ts",
      `import { definePlugin } from "xcore/plugin";\n${publisher.replace('{ type: "integer" }', '{ type: "string" }')}`,
    );
    await admin("/plugins/shop/reload");
    const said = server.log.filter(({ level, message }) => level === "warn" && message.includes("breaks"));
    assert.deepEqual(
      said.map(({ message }) => message),
      [
        "the new build of 'shop' breaks 'order.placed' for mail: payload /id: it may now be a string, not only an integer",
      ],
    );
  });

  test("plugins that answer each other's events without end are stopped", async () => {
    const echo = (from: string, to: string): string => `
      let seen = 0;
      export default definePlugin({
        routes: { "GET /": () => seen },
        events: { "${from}": async (event, { events, log }) => {
          seen += 1;
          await events.publish("${to}", null).catch((error) => log.error("stopped", { code: error.code }));
        } },
      });`;
    const manifest = (from: string, to: string): string =>
      `permissions: { events: { publish: [${to}], subscribe: [${from}] } }\n`;
    for (const [name, from, to] of [
      ["ping", "loop.pong", "loop.ping"],
      ["pong", "loop.ping", "loop.pong"],
    ] as const) {
      for (const [path, text] of Object.entries(pluginFiles(name, echo(from, to), manifest(from, to))))
        await workspace.write(path, text);
      await admin(`/plugins/${name}/load`);
    }
    await workspace.write(
      "plugins/starter/index.ts",
      `import { definePlugin } from "xcore/plugin";
       export default definePlugin({ routes: { "POST /": (request, { events }: any) => events.publish("loop.ping") } });`,
    );
    await workspace.write(
      "plugins/starter/plugin.yaml",
      `name: starter\nversion: 1.0.0\nentry: index.ts\npermissions: { events: { publish: [loop.ping] } }\n`,
    );
    await admin("/plugins/starter/load");
    assert.equal((await server.get("/app/starter/", { method: "POST" })).status, 204);
    const stopped = await until(
      () => server.log.filter(({ message }) => message === "stopped"),
      (lines) => lines.length > 0,
    );
    assert.deepEqual(stopped[0]?.fields["guest"], { code: "CALL_DEPTH" });
    assert.equal(await (await server.get("/app/ping/")).json(), 500);
  });

  test("no plugin can make an event up for itself", async () => {
    await workspace.write(
      "plugins/forger/index.ts",
      `import { definePlugin } from "xcore/plugin";
       export default definePlugin({
         events: { "user.*": (event, { log }) => log.error("forged", { event }) },
         routes: { "POST /": (request, { jobs }: any) => jobs.enqueue("@event", { id: "1", name: "user.gone", payload: null, source: "core" }) },
       });`,
    );
    await workspace.write(
      "plugins/forger/plugin.yaml",
      `name: forger\nversion: 1.0.0\nentry: index.ts\npermissions: { jobs: true, events: { subscribe: ["user.*"] } }\n`,
    );
    await admin("/plugins/forger/load");
    const answer = await server.get("/app/forger/", { method: "POST" });
    assert.equal(answer.status, 500);
    assert.equal(((await answer.json()) as { code: string }).code, "JOB_NOT_FOUND");
  });
});

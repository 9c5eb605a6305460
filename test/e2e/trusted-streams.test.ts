// What comes in pieces, with a plugin that has no wall: the same records in the same process.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { inventoryEntry } from "../../src/core/plugins/installer/inventory.ts";
import { readConfig } from "../../src/core/config/read.ts";
import { streamingPlugin, streamsConformance } from "../conformance/streams.ts";
import { openTestCore, pluginFiles, testWorkspace, type TestCore } from "../support/workspace.ts";

const code = `export default definePlugin({
  routes: {
    "POST /form": async (request) => (await request.formData()).get("file").text(),
    "GET /echo": () => {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      server.onmessage = ({ data }) => server.send(data);
      return new Response(null, { status: 101, webSocket: client });
    },
  },
});`;

describe("a trusted plugin", () => {
  let server: TestCore;
  before(async () => {
    const workspace = await testWorkspace({ ...streamingPlugin, ...pluginFiles("insider", code) });
    const config = await readConfig({ workspace: workspace.folder, env: {} });
    const trust = async (name: string): Promise<string> => {
      const { digest } = await inventoryEntry(config, name);
      return `  ${name}: { trust: { digest: ${digest} } }`;
    };
    await workspace.write(
      "integration.yaml",
      [
        "name: test",
        "server: { port: 0, drain: 2s, maxBody: 8mb }",
        "plugins:",
        await trust("s"),
        await trust("insider"),
        "",
      ].join("\n"),
    );
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await server.workspace[Symbol.asyncDispose]();
  });

  test("is trusted", async () => {
    const { plugins } = await server.core.status();
    assert.ok(plugins.every(({ trusted }) => trusted));
  });

  describe("and its streams", () => streamsConformance(() => server));

  test("reads forms, and talks on sockets until the server stops", async () => {
    const form = new FormData();
    form.append("file", new File(["grüße"], "a.txt"));
    const read = await server.get("/app/insider/form", { method: "POST", body: form });
    assert.equal(await read.text(), "grüße");

    const client = new WebSocket(`${server.core.address.replace("http", "ws")}/app/insider/echo`);
    await once(client, "open");
    client.send("hello");
    const [data] = (await once(client, "message")) as [Buffer];
    assert.equal(data.toString(), "hello");
    const closed = once(client, "close");
    await server.core.close({ drain: true });
    assert.equal((await closed)[0], 1001);
  });
});

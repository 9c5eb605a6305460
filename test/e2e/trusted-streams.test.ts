// What comes in pieces, with a plugin that has no wall: the same records in the same process.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { inventoryEntry } from "../../src/core/plugins/installer/inventory.ts";
import { readConfig } from "../../src/core/config/read.ts";
import { openTestCore, pluginFiles, testWorkspace } from "../support/workspace.ts";

const code = `export default definePlugin({
  routes: {
    "GET /large": () => {
      let left = 50;
      return new Response(new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          if (left === 0) controller.close(); else { left -= 1; controller.enqueue(new Uint8Array(40_000).fill(left)); }
        },
      }));
    },
    "POST /length": async (request) => {
      let length = 0;
      for await (const chunk of request.body) length += chunk.length;
      return { length };
    },
    "POST /form": async (request) => (await request.formData()).get("file").text(),
    "GET /echo": () => {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      server.onmessage = ({ data }) => server.send(data);
      return new Response(null, { status: 101, webSocket: client });
    },
  },
});`;

test("a trusted plugin streams both ways, reads forms and talks on sockets", async () => {
  await using workspace = await testWorkspace(pluginFiles("insider", code));
  const config = await readConfig({ workspace: workspace.folder, env: {} });
  const { digest } = await inventoryEntry(config, "insider");
  await workspace.write(
    "integration.yaml",
    `name: test\nserver: { port: 0, drain: 2s, maxBody: 4mb }\nplugins:\n  insider: { trust: { digest: ${digest} } }\n`,
  );
  await using server = await openTestCore(workspace);
  const { plugins } = await server.core.status();
  assert.equal(plugins[0]?.trusted, true);

  const bytes = new Uint8Array(await (await server.get("/app/insider/large")).arrayBuffer());
  assert.equal(bytes.length, 2_000_000);
  assert.ok(bytes.every((byte, at) => byte === 49 - Math.floor(at / 40_000)));

  const body = new Uint8Array(3_000_000);
  const length = await server.get("/app/insider/length", { method: "POST", body });
  assert.deepEqual(await length.json(), { length: 3_000_000 });

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

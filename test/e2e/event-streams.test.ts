// Server-sent events with a real EventSource: flushed one by one, handed over to a new revision, ended when the server stops.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventSource } from "undici";
import { openTestCore, pluginFiles, testWorkspace, until } from "../support/workspace.ts";

const events = (word: string): string => `
export default definePlugin({
  routes: {
    "GET /": (request) => {
      let timer = 0;
      const last = Number(request.headers.get("last-event-id") ?? 0);
      const body = new ReadableStream({
        start(controller) {
          const encoder = new TextEncoder();
          const send = (text: string) => controller.enqueue(encoder.encode(text));
          send("retry: 20\\n\\n");
          let id = last;
          timer = setInterval(() => send(\`id: \${(id += 1)}\\ndata: ${word}\\n\\n\`), 10);
        },
        cancel() { clearInterval(timer); console.log("${word} has gone"); },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
    },
  },
});`;

const code = (word: string): string => `import { definePlugin } from "xcore/plugin";\n${events(word)}`;

interface Heard {
  data: string;
  id: number;
}

function listen(url: string): { source: EventSource; heard: Heard[] } {
  const heard: Heard[] = [];
  const source = new EventSource(url);
  source.addEventListener("message", ({ data, lastEventId }) => {
    heard.push({ data: String(data), id: Number(lastEventId) });
  });
  return { source, heard };
}

describe("an event stream", () => {
  test("goes on with the new revision after a reload: its client connects anew and misses no id", async () => {
    await using workspace = await testWorkspace({
      ...pluginFiles("ticker", events("one")),
      "integration.yaml": "name: test\nserver: { port: 0, drain: 1m }\n",
    });
    await using server = await openTestCore(workspace, { watch: true });
    const { source, heard } = listen(`${server.core.address}/app/ticker/`);
    try {
      await until(
        () => heard.length,
        (count) => count >= 3,
      );
      await workspace.write("plugins/ticker/index.ts", code("two"));
      await until(
        () => heard,
        (all) => all.filter(({ data }) => data === "two").length >= 3,
      );
      const ids = heard.map(({ id }) => id);
      assert.deepEqual(
        ids,
        ids.map((_, at) => at + 1),
      );
      const switched = heard.findIndex(({ data }) => data === "two");
      assert.ok(heard.slice(switched).every(({ data }) => data === "two"));
      await until(
        () => server.log,
        (lines) => lines.some(({ message }) => message === "one has gone"),
      );
      assert.equal(
        server.log.some(({ message }) => message.includes("did not finish while draining")),
        false,
      );
    } finally {
      source.close();
    }
  });

  test("ends well when the server stops, and does not hold it up", async () => {
    await using workspace = await testWorkspace({
      ...pluginFiles("ticker", events("one")),
      "integration.yaml": "name: test\nserver: { port: 0, drain: 1m }\n",
    });
    await using server = await openTestCore(workspace);
    const answer = await server.get("/app/ticker/");
    const text = answer.text();
    await server.core.close({ drain: true });
    assert.match(await text, /^retry: 20\n\n/);
  });
});

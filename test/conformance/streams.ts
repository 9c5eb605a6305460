// Bodies that come in pieces, both ways, through a real server: what holds for every plugin, wherever it runs.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { test } from "node:test";
import { pluginFiles, until, type TestCore } from "../support/workspace.ts";

const code = `
const encode = (text: string) => new TextEncoder().encode(text);
const seen: string[] = [];
const state = { pulled: 0, read: 0 };
export default definePlugin({
  routes: {
    "GET /seen": () => ({ seen, ...state }),
    "GET /events": (request, { signal }) => {
      signal.addEventListener("abort", () => seen.push("aborted"));
      let timer = 0;
      return new Response(new ReadableStream({
        start(controller) {
          let count = 0;
          timer = setInterval(() => controller.enqueue(encode(\`data: \${(count += 1)}\\n\\n\`)), 5);
        },
        cancel() { clearInterval(timer); seen.push("cancelled"); },
      }), { headers: { "content-type": "text/event-stream" } });
    },
    "GET /endless": () => new Response(new ReadableStream({
      pull(controller) { state.pulled += 50_000; controller.enqueue(new Uint8Array(50_000)); },
      cancel() { seen.push("endless cancelled"); },
    })),
    "GET /broken": () => new Response(ReadableStream.from((async function* () {
      yield encode("half"); await new Promise((resolve) => setTimeout(resolve, 5)); throw new Error("broken");
    })())),
    "GET /large": () => {
      let left = 100;
      return new Response(new ReadableStream({
        pull(controller) { if (left === 0) controller.close(); else { left -= 1; controller.enqueue(new Uint8Array(40_000).fill(left)); } },
      }));
    },
    "GET /sized": (request, { query }) => new Response(ReadableStream.from((async function* () {
      for (const text of ["one ", "two"]) { await new Promise((resolve) => setTimeout(resolve, 5)); yield encode(text); }
    })()), { headers: { "content-length": query["length"] ?? "" } }),
    "GET /quiet": () => new Response(new ReadableStream({})),
    "POST /length": async (request) => {
      let length = 0;
      for await (const chunk of request.body ?? []) length += chunk.length;
      return { length };
    },
    "POST /echo": (request) => new Response(request.body),
    "POST /text": async (request) => ({ length: (await request.text()).length }),
    "POST /ignore": () => "ignored",
    "POST /slow": async (request) => {
      for await (const chunk of request.body ?? []) {
        state.read += chunk.length;
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    },
  },
});`;

/** The files of the plugin `s`, for a project whose server.maxBody is 8mb. */
export const streamingPlugin = pluginFiles(
  "s",
  code,
  "limits: { cpu: 1s, timeout: 30s, streamIdle: 5s, streamSize: 24mb }\n",
);

/** `server`: one that runs the plugin. */
export function streamsConformance(server: () => TestCore): void {
  const state = async (): Promise<{ seen: string[]; pulled: number; read: number }> =>
    (await (await server().get("/app/s/seen")).json()) as { seen: string[]; pulled: number; read: number };

  function open(
    path: string,
    options: { method?: string; headers?: Record<string, string> } = {},
  ): ClientRequest {
    return httpRequest(`${server().core.address}${path}`, { agent: false, ...options });
  }

  async function answered(request: ClientRequest): Promise<IncomingMessage> {
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return response;
  }

  test("of events arrives event by event, and the client's going reaches the plugin", async () => {
    const answer = await server().get("/app/s/events");
    assert.equal(answer.headers.get("content-type"), "text/event-stream");
    assert.equal(answer.headers.get("content-length"), null);
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("data: 3\n\n")) text += (await reader?.read())?.value ?? "";
    await reader?.cancel();
    await until(state, ({ seen }) => seen.includes("cancelled") && seen.includes("aborted"));
  });

  test("of many windows arrives whole", async () => {
    const bytes = new Uint8Array(await (await server().get("/app/s/large")).arrayBuffer());
    assert.equal(bytes.length, 4_000_000);
    assert.ok(bytes.every((byte, at) => byte === 99 - Math.floor(at / 40_000)));
  });

  test("that is not read is pulled no further than the windows and the client's socket hold", async () => {
    const request = open("/app/s/endless").end();
    const response = await answered(request);
    response.pause();
    let last = -1;
    await until(
      async () => {
        const { pulled } = await state();
        await new Promise((resolve) => setTimeout(resolve, 100));
        const still = pulled === last;
        last = pulled;
        return still;
      },
      (still) => still,
    );
    // Kernel buffers on loopback take some megabytes; the quota of 24 MB was not reached.
    assert.ok(last < 20 * 1024 ** 2, `${last} bytes were pulled`);
    request.destroy();
    await until(state, ({ seen }) => seen.includes("endless cancelled"));
  });

  test("that fails midway breaks off, and never ends well", async () => {
    const answer = await server().get("/app/s/broken");
    assert.equal(answer.status, 200);
    await assert.rejects(answer.text());
    const line = await until(
      () => server().log.find(({ fields }) => String(fields["url"]).endsWith("/broken")),
      (found) => found !== undefined,
    );
    assert.partialDeepStrictEqual(line, { level: "error", fields: { code: "PLUGIN_ERROR" } });
  });

  test("may announce its length, and is held to that", async () => {
    const right = await server().get("/app/s/sized?length=7");
    assert.equal(right.headers.get("content-length"), "7");
    assert.equal(await right.text(), "one two");
    const head = await server().get("/app/s/sized?length=7", { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), "7");
    for (const length of ["6", "8"]) {
      const wrong = await server().get(`/app/s/sized?length=${length}`);
      await assert.rejects(wrong.text(), `length ${length}`);
    }
    const none = await server().get("/app/s/sized?length=-1");
    assert.equal(none.headers.get("content-length"), null);
    assert.equal(await none.text(), "one two");
  });

  test("beyond its size is cut off", async () => {
    const answer = await server().get("/app/s/endless");
    await assert.rejects(answer.arrayBuffer());
    const line = await until(
      () => server().log.findLast(({ fields }) => String(fields["url"]).endsWith("/endless")),
      (found) => found?.fields["code"] === "QUOTA_EXCEEDED",
    );
    assert.match(line?.message ?? "", /24 MB/);
  });

  test("in which nothing moves is cut off after a while", async () => {
    const answer = await server().get("/app/s/quiet");
    await assert.rejects(answer.text());
  });

  test("is answered to HEAD by its head alone", async () => {
    const answer = await server().get("/app/s/endless", { method: "HEAD" });
    assert.equal(answer.status, 200);
    assert.equal(await answer.text(), "");
  });

  test("of a request is read as it comes, whether its length is known or not", async () => {
    const body = new Uint8Array(3_000_000);
    const known = await server().get("/app/s/length", { method: "POST", body });
    assert.deepEqual(await known.json(), { length: 3_000_000 });
    const unknown = await server().get("/app/s/length", {
      method: "POST",
      body: ReadableStream.from([body, body]),
      duplex: "half",
    } as RequestInit);
    assert.deepEqual(await unknown.json(), { length: 6_000_000 });
    const text = await server().get("/app/s/text", { method: "POST", body: "ü".repeat(500_000) });
    assert.deepEqual(await text.json(), { length: 500_000 });
  });

  test("of a request can be the answer while it comes", async () => {
    const request = open("/app/s/echo", { method: "POST" });
    request.write("ping");
    const response = await answered(request);
    const [first] = (await once(response, "data")) as [Buffer];
    assert.equal(first.toString(), "ping");
    request.write("pong");
    const [second] = (await once(response, "data")) as [Buffer];
    assert.equal(second.toString(), "pong");
    request.end();
    await once(response, "end");
  });

  test("of a request that nobody reads holds nothing up, and the connection stays usable", async () => {
    for (let round = 0; round < 5; round += 1) {
      const answer = await server().get("/app/s/ignore", { method: "POST", body: new Uint8Array(5_000_000) });
      assert.equal(await answer.text(), "ignored");
    }
  });

  test("of a request that is read slowly stops its client", async () => {
    const request = open("/app/s/slow", { method: "POST", headers: { "content-length": "8000000" } });
    request.on("error", () => undefined);
    let sent = 0;
    for (; sent < 8_000_000 && request.write(Buffer.alloc(100_000));) sent += 100_000;
    await until(state, ({ read }) => read > 0);
    assert.ok((await state()).read < 500_000);
    request.destroy();
  });

  test("of a request beyond server.maxBody is refused with 413, announced or not", async () => {
    const announced = await server().get("/app/s/length", {
      method: "POST",
      body: new Uint8Array(9_000_000),
    });
    assert.equal(announced.status, 413);
    const request = open("/app/s/length", { method: "POST" });
    request.on("error", () => undefined);
    const response = answered(request);
    for (let sent = 0; sent < 90; sent += 1) request.write(Buffer.alloc(100_000));
    assert.equal((await response).statusCode, 413);
    request.destroy();
    assert.equal((await server().get("/app/s/seen")).status, 200);
  });
}

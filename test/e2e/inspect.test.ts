// A plugin opened to a debugger: its isolate speaks the Chrome DevTools Protocol over a real WebSocket, limits of time wait.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connectControl } from "../../src/cli/control-client.ts";
import { openTestCore, pluginFiles, testWorkspace, until, type TestCore } from "../support/workspace.ts";

const code = `export const marker: string = "typed";
export default definePlugin({ routes: {
  "GET /": () => "usual",
  "GET /add/:n": (request, { params }) => {
    const sum: number = Number(params.n) + 1;
    return { sum };
  },
  "GET /late": async () => { await new Promise((resolve) => setTimeout(resolve, 30)); return "late"; },
} });`;

interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** A debugger as DevTools is one: numbered commands out, results and events in. */
class Debugger implements Disposable {
  readonly events: Message[] = [];
  readonly closed: Promise<string>;
  readonly #socket: WebSocket;
  readonly #results = new Map<number, (message: Message) => void>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    socket.addEventListener("close", (event) => resolve(event.reason));
    socket.addEventListener("message", (event) => {
      const message = JSON.parse(String(event.data)) as Message;
      if (message.id === undefined) this.events.push(message);
      else this.#results.get(message.id)?.(message);
    });
  }

  static async connect(url: string): Promise<Debugger> {
    const socket = new WebSocket(url);
    const made = new Debugger(socket);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`nobody is at ${url}`)));
    await promise;
    return made;
  }

  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = (this.#id += 1);
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#results.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await promise;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  async event(method: string, count = 1): Promise<Record<string, unknown>> {
    const seen = await until(
      () => this.events.filter((event) => event.method === method),
      (events) => events.length >= count,
    );
    return seen[count - 1]?.params ?? {};
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** Sets a breakpoint at the line of the bundle that holds the text; gives what is known of the script. */
async function stopAt(devtools: Debugger, text: string): Promise<Record<string, unknown>> {
  const url = "plugin:///notes@1.0.0/index.js";
  await devtools.send("Debugger.enable");
  const script = await until(
    () =>
      devtools.events.find(
        ({ method, params }) => method === "Debugger.scriptParsed" && params?.["url"] === url,
      )?.params,
    (found) => found !== undefined,
  );
  const { scriptId = "" } = script ?? {};
  const { scriptSource } = await devtools.send("Debugger.getScriptSource", { scriptId });
  const lineNumber = String(scriptSource)
    .split("\n")
    .findIndex((line) => line.includes(text));
  await devtools.send("Debugger.setBreakpointByUrl", { url, lineNumber });
  return script ?? {};
}

async function opened(): Promise<TestCore> {
  const workspace = await testWorkspace({
    ...pluginFiles("notes", code, "limits: { timeout: 300ms, cpu: 100ms }\n"),
    ...pluginFiles("other", code),
  });
  return await openTestCore(workspace, { watch: true });
}

const closeWorkspace = async (server: TestCore): Promise<void> => {
  await server[Symbol.asyncDispose]();
  await server.workspace[Symbol.asyncDispose]();
};

async function statusOf(server: TestCore, name: string) {
  const found = (await server.core.status()).plugins.find((plugin) => plugin.name === name);
  assert.ok(found);
  return found;
}

describe("a plugin that is inspected", () => {
  test("is stopped at a breakpoint by a request, past its limits, and goes on; then it is as it was", async () => {
    const server = await opened();
    try {
      using client = await connectControl(`${server.workspace.folder}/.xcore`);
      const usual = await statusOf(server, "notes");
      assert.equal(usual.hostPid, (await statusOf(server, "other")).hostPid);
      const address = await client.call("plugin.inspect", { name: "notes" });
      assert.match(
        address.devtools,
        /^devtools:\/\/devtools\/bundled\/js_app\.html\?.*ws=127\.0\.0\.1:\d+\//,
      );
      const inspected = await statusOf(server, "notes");
      assert.deepEqual([inspected.inspected, inspected.state], [true, "ready"]);
      assert.notEqual(inspected.hostPid, usual.hostPid, "it is alone");
      assert.equal(await (await server.get("/app/notes/late")).text(), "late");

      const [listed] = (await (await fetch(address.list)).json()) as { webSocketDebuggerUrl: string }[];
      assert.equal(listed?.webSocketDebuggerUrl, address.webSocket);
      using devtools = await Debugger.connect(address.webSocket);
      await devtools.send("Runtime.enable");
      await devtools.event("Runtime.executionContextCreated", 2);
      const contexts = devtools.events
        .filter(({ method }) => method === "Runtime.executionContextCreated")
        .map(({ params }) => params?.["context"] as { id: number; name: string });
      const context = contexts.find(({ name }) => name === "<isolated-vm>");
      const evaluated = await devtools.send("Runtime.evaluate", {
        expression: "[typeof Response, 6 * 7].join()",
        contextId: context?.id,
      });
      assert.deepEqual(evaluated["result"], { type: "string", value: "function,42" });

      const script = await stopAt(devtools, "return { sum }");
      const map = JSON.parse(
        Buffer.from(String(script["sourceMapURL"]).split(",")[1] ?? "", "base64").toString(),
      ) as { sources: string[]; sourcesContent: (string | null)[] };
      const own = map.sources.indexOf("index.ts");
      assert.match(map.sourcesContent[own] ?? "", /const sum: number/);

      const answer = server.get("/app/notes/add/41");
      const paused = (await devtools.event("Debugger.paused")) as { callFrames: { callFrameId: string }[] };
      const { result } = await devtools.send("Debugger.evaluateOnCallFrame", {
        callFrameId: paused.callFrames[0]?.callFrameId,
        expression: "sum",
      });
      assert.equal((result as { value: number }).value, 42);
      // Longer than its timeout and its CPU limit.
      await new Promise((resolve) => setTimeout(resolve, 600));
      assert.equal(await (await server.get("/app/other/")).text(), "usual", "nobody else waits");
      await devtools.send("Debugger.resume");
      assert.deepEqual(await (await answer).json(), { sum: 42 });

      await client.call("plugin.uninspect", { name: "notes" });
      assert.notEqual(await devtools.closed, undefined);
      await assert.rejects(fetch(address.list));
      const after = await statusOf(server, "notes");
      assert.deepEqual([after.inspected, after.hostPid], [false, usual.hostPid]);
      // Its short limits hold again, and the machine may be slow.
      await until(
        async () => (await server.get("/app/notes/")).text(),
        (text) => text === "usual",
      );
    } finally {
      await closeWorkspace(server);
    }
  });

  test("goes on when its debugger goes, takes one debugger at a time, and lets it come again after a reload", async () => {
    const server = await opened();
    try {
      using client = await connectControl(`${server.workspace.folder}/.xcore`);
      const { webSocket } = await client.call("plugin.inspect", { name: "notes" });
      assert.deepEqual(
        await client.call("plugin.inspect", { name: "notes" }).then((same) => same.webSocket),
        webSocket,
      );
      const first = await Debugger.connect(webSocket);
      await stopAt(first, "return { sum }");
      const answer = server.get("/app/notes/add/1");
      await first.event("Debugger.paused");
      using second = await Debugger.connect(webSocket);
      assert.match(await second.closed, /another debugger/);
      first[Symbol.dispose]();
      assert.deepEqual(await (await answer).json(), { sum: 2 });
      const free = await server.get("/app/notes/add/2");
      assert.deepEqual(await free.json(), { sum: 3 }, "its breakpoints went with it");

      const third = await until(
        async () => {
          const tried = await Debugger.connect(webSocket);
          const outcome = await Promise.race([
            tried.send("Debugger.enable").then(() => tried),
            tried.closed.then(() => undefined),
          ]);
          return outcome;
        },
        (tried) => tried !== undefined,
      );
      await server.workspace.write(
        "plugins/notes/index.ts",
        `import { definePlugin } from "xcore/plugin";\n${code.replace('"usual"', '"saved"')}`,
      );
      assert.match((await third?.closed) ?? "", /loaded anew/);
      await until(
        async () => (await server.get("/app/notes/")).text(),
        (text) => text === "saved",
      );
      using fourth = await Debugger.connect(webSocket);
      await fourth.send("Debugger.enable");
      assert.equal((await statusOf(server, "notes")).inspected, true);
    } finally {
      await closeWorkspace(server);
    }
  });

  test("is reached by the control socket and its secret only", async () => {
    const server = await opened();
    try {
      const overHttp = await server.admin("/plugins/notes/inspect", { method: "POST" });
      assert.equal(overHttp.status, 404);
      using client = await connectControl(`${server.workspace.folder}/.xcore`);
      await assert.rejects(client.call("plugin.inspect", { name: "nobody" }), { code: "PLUGIN_NOT_FOUND" });
      const { list } = await client.call("plugin.inspect", { name: "notes" });
      const { origin } = new URL(list);
      for (const path of ["/json/list", "/json/version", "/"]) {
        assert.equal((await fetch(`${origin}${path}`)).status, 404, path);
      }
      await assert.rejects(Debugger.connect(`${origin.replace("http", "ws")}/guessed`));
    } finally {
      await closeWorkspace(server);
    }
  });
});

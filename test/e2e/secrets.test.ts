// A real run with secrets everywhere they can be given; everything the server, the command line and the admin API say is kept, and searched for
// each secret in every form it may be written in.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { formsOf } from "../../src/core/base/redact.ts";
import { ended, start } from "../cli/support/run.ts";
import { testRedis, type TestRedis } from "../support/services.ts";
import { startSystemPostgres, type SystemPostgres } from "../support/system-postgres.ts";
import { pluginFiles, testWorkspace, until, type TestWorkspace } from "../support/workspace.ts";

/** Each with what changes its look in URLs, JSON and base64. */
const secrets = {
  database: 'db/p@ss "wörd"+1',
  redis: "redis/p@ss+2%wörd",
  admin: "admin-token-/+=ö-admin-token-3",
  keeper: 'keeper/t0ken "ö"+4',
  file: "file/t0ken <ö>&5",
  option: "option/k3y ö?6",
};

const keeper = pluginFiles(
  "keeper",
  `export default definePlugin({
  start: async (ctx) => { console.log("started with", await ctx.secrets.get("KEEPER_TOKEN"), { headers: { authorization: btoa(unescape(encodeURIComponent(await ctx.secrets.get("FILE_TOKEN")))) } }); },
  jobs: { fails: { retries: 0, run: async (data, ctx) => { throw new Error("no mail with " + await ctx.secrets.get("KEEPER_TOKEN")); } } },
  routes: {
    "GET /fails": async (request, ctx) => { throw new Error("https://api.test/?key=" + encodeURIComponent(await ctx.secrets.get("KEEPER_TOKEN")) + " said " + JSON.stringify({ key: ctx.config.apiKey })); },
    "GET /right": async (request, ctx) => String((await ctx.secrets.get("FILE_TOKEN")).length),
    "GET /query": async (request, { db, secrets }) => db.sql\`select \${await secrets.get("KEEPER_TOKEN")}::int\`,
    "GET /fetch": async (request, ctx) => ctx.fetch("http://127.0.0.1:1/?key=" + encodeURIComponent(await ctx.secrets.get("KEEPER_TOKEN"))),
    "POST /job": async (request, { jobs }) => jobs.enqueue("fails", null),
    "GET /crash": async (request, ctx) => { const held = await ctx.secrets.get("KEEPER_TOKEN"); for (;;) if (held === "") break; },
  },
});`,
  "permissions: { database: true, jobs: true, fetch: [127.0.0.1], secrets: [KEEPER_TOKEN, FILE_TOKEN] }\nconfig: { type: object, properties: { apiKey: { type: string } } }\n",
);
const thief = pluginFiles(
  "thief",
  `export default definePlugin({ routes: {
  "GET /ask": async (request, ctx) => ctx.secrets.get("KEEPER_TOKEN"),
  "GET /look": async (request, ctx) => JSON.stringify([typeof process, Object.keys(globalThis), ctx.config]),
  "GET /sql": async (request, { db }) => { try { return await db.sql\`select * from xcore.plugins\`; } catch (error) { return error.message; } },
} });`,
  "permissions: { database: true, secrets: [THIEF_TOKEN] }\n",
);

describe("secrets", () => {
  let postgres: SystemPostgres;
  let redis: TestRedis;
  let workspace: TestWorkspace;
  const said: string[] = [];
  const env = (): Record<string, string> => ({
    DATABASE_URL: `postgres://xcore:${encodeURIComponent(secrets.database)}@127.0.0.1:${postgres.port}/postgres`,
    REDIS_URL: `redis://:${encodeURIComponent(secrets.redis)}@127.0.0.1:${new URL(redis.url).port}`,
    ADMIN_TOKEN: secrets.admin,
    KEEPER: secrets.keeper,
    OPTION: secrets.option,
  });

  before(async () => {
    [postgres, redis] = await Promise.all([startSystemPostgres(), testRedis()]);
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    await client.query(`alter role xcore password '${secrets.database}'`);
    await client.end();
    await postgres.stop();
    await postgres.admit("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256");
    await postgres.start();
    workspace = await testWorkspace({
      ...keeper,
      ...thief,
      "token.txt": `${secrets.file}\n`,
      "integration.yaml": [
        "name: secretive",
        "server: { port: 0, drain: 300ms }",
        'admin: { token: "${ADMIN_TOKEN}" }',
        "services:",
        '  database: { driver: postgres, url: "${DATABASE_URL}" }',
        '  cache: { driver: redis, url: "${REDIS_URL}" }',
        "plugins:",
        '  keeper: { secrets: { KEEPER_TOKEN: "${KEEPER}", FILE_TOKEN: "${file:token.txt}" }, config: { apiKey: "${OPTION}" } }',
        "  thief: { secrets: { THIEF_TOKEN: something-else } }",
      ].join("\n"),
    });
  });
  after(async () => {
    await workspace?.[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
    await redis?.[Symbol.asyncDispose]();
  });

  const run = async (...args: string[]): Promise<string> => {
    const child = start(args, { cwd: workspace.folder, env: env() });
    const late = setTimeout(() => child.kill("SIGKILL"), 120_000);
    const { stdout, stderr } = await ended(child);
    clearTimeout(late);
    said.push(`$ xcore ${args.join(" ")}`, stdout, stderr);
    return stdout + stderr;
  };

  test("a server that works, fails and crashes says none of them, nor does anything that asks it", async () => {
    const server = start(["serve"], { cwd: workspace.folder, env: env() });
    const end = ended(server);
    let output = "";
    for (const stream of [server.stdout, server.stderr])
      stream.on("data", (chunk: string) => (output += chunk));
    try {
      const address = await until(
        () => /"address":"(http:[^"]+)"/.exec(output)?.[1] ?? "",
        (found) => found !== "",
      ).catch(() => assert.fail(`it does not serve: ${output}`));
      const get = async (path: string, init?: RequestInit): Promise<string> => {
        const answer = await fetch(`${address}${path}`, init);
        const body = `${answer.status} ${await answer.text()}`;
        said.push(path, JSON.stringify([...answer.headers]), body);
        return body;
      };
      const admin = (path: string, init?: RequestInit): Promise<string> =>
        get(`/_xcore${path}`, { ...init, headers: { authorization: `Bearer ${secrets.admin}` } });
      assert.equal(await get("/app/keeper/right"), `200 ${secrets.file.length}`);
      assert.match(
        await get("/app/keeper/fails"),
        /^500 .*key=\[secret KEEPER_TOKEN\] said .*\[secret apiKey\]/,
      );
      assert.match(await get("/app/keeper/query"), /^500 .*invalid input syntax/);
      assert.match(await get("/app/keeper/fetch"), /^50\d /);
      assert.match(await get("/app/keeper/job", { method: "POST" }), /^200 /);
      assert.match(await get("/app/thief/ask"), /^500 .*may not read the secret/);
      await get("/app/thief/look");
      assert.match(await get("/app/thief/sql"), /permission denied/);
      await get("/app/keeper/crash");
      await until(
        () => admin("/jobs?plugin=keeper"),
        (jobs) => jobs.includes('"failed"'),
      );
      await get("/_xcore/status", { headers: { authorization: "Bearer wrong" } });
      for (const path of [
        "/status",
        "/services",
        "/plugins",
        "/plugins/keeper",
        "/plugins/thief",
        "/jobs",
        "/schedules",
      ])
        await admin(path);
      for (const command of [
        ["status"],
        ["status", "--json"],
        ["plugin", "ls"],
        ["plugin", "info", "keeper"],
        ["plugin", "info", "keeper", "--json"],
        ["job", "list", "--json"],
        ["doctor"],
        ["doctor", "--json"],
      ])
        await run(...command);
      await postgres.stop();
      await redis.stop();
      await get("/app/keeper/query");
      await until(
        () => get("/readyz"),
        (answer) => answer.startsWith("503"),
      );
      await admin("/status");
      await run("status");
    } finally {
      server.kill("SIGTERM");
      const { stdout, stderr } = await end;
      said.push(stdout, stderr);
    }
  });

  test("a start that fails says none of them", async () => {
    const failing = async (yaml: string): Promise<void> => {
      await workspace.write("integration.yaml", `name: broken\nserver: { port: 0 }\n${yaml}\n`);
      for (const more of [[], ["--json"]]) await run("serve", ...more);
    };
    await failing('services: { database: { driver: postgres, url: "${DATABASE_URL}" } }');
    await failing('services: { database: { driver: postgres, url: "${DATABASE_URL}", ssl: "${KEEPER}" } }');
    await failing('plugins: { keeper: { secrets: "${KEEPER}" } }');
    await failing('admin: { token: ["${ADMIN_TOKEN}"] }');
  });

  test("nothing that was said, and nothing that lies in the project, holds one of them", async () => {
    const lying: string[] = [];
    const state = join(workspace.folder, ".xcore");
    for (const entry of await readdir(state, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) lying.push(await readFile(join(entry.parentPath, entry.name), "latin1"));
    }
    const texts = [...said, ...lying];
    assert.ok(texts.join("").length > 5000);
    for (const [name, value] of Object.entries(secrets)) {
      for (const form of formsOf(value)) {
        const leak = texts.find((text) => text.includes(form));
        const at = leak?.indexOf(form) ?? 0;
        assert.equal(
          leak,
          undefined,
          `the ${name} secret as '${form}': …${leak?.slice(Math.max(0, at - 200), at + 100)}…`,
        );
      }
    }
  });
});

// Durable events with a key, on two servers of one Postgres: in order for each key, at least once, through failures and a kill -9.
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startSystemPostgres, type SystemPostgres } from "../support/system-postgres.ts";
import { pluginFiles, testWorkspace, until, type TestWorkspace } from "../support/workspace.ts";

// Notes when a handling begins and when it is done: in the database, which alone sees both servers.
const shop = `export default definePlugin({
  routes: {
    "POST /:key/:from/:to": async (request, { events, params }: any) => {
      const numbers = Array.from({ length: params.to - params.from }, (_, at) => Number(params.from) + at);
      await Promise.all(numbers.map((number) => events.publish("order.moved", { key: params.key, number }, { durable: true, key: params.key })));
    },
    "GET /notes": (request, { db }) => db.sql\`select key, number, what from notes order by at\`,
  },
  events: {
    "order.*": async (event, { db }) => {
      const { key, number } = event.payload as { key: string; number: number };
      const [{ before }] = (await db.sql\`select count(*)::int as before from notes where key = \${key} and number = \${number}\`) as any;
      await db.sql\`insert into notes (key, number, what) values (\${key}, \${number}, 'begins')\`;
      if (number === 7 && before === 0) throw new Error("not yet");
      await new Promise((resolve) => setTimeout(resolve, 10));
      await db.sql\`insert into notes (key, number, what) values (\${key}, \${number}, 'done')\`;
    },
  },
});`;
const table =
  "-- migrate:up\ncreate table notes (at int generated always as identity, key text, number int, what text);\n-- migrate:down\ndrop table notes;\n";
const fixture = fileURLToPath(new URL("../fixtures/services/server.ts", import.meta.url));

interface Note {
  key: string;
  number: number;
  what: "begins" | "done";
}

interface Node {
  child: ChildProcess;
  address: string;
}

let postgres: SystemPostgres;
const workspaces: TestWorkspace[] = [];
const nodes: Node[] = [];

async function startNode(): Promise<Node> {
  const workspace = await testWorkspace({
    "integration.yaml": `name: test
server: { port: 0, drain: 2s }
services:
  database: { driver: postgres, url: "${postgres.url}" }
  jobs: { lockLifetime: 2s }
`,
    ...pluginFiles(
      "shop",
      shop,
      "permissions: { database: true, events: { publish: [order.moved], subscribe: ['order.*'] } }\nlimits: { timeout: 30s }\n",
    ),
    "plugins/shop/migrations/0001_notes.sql": table,
  });
  workspaces.push(workspace);
  const child = fork(fixture, [workspace.folder], { execArgv: ["--no-node-snapshot"] });
  const [address] = (await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => Promise.reject(new Error("the server ended"))),
  ])) as [string];
  const node = { child, address };
  nodes.push(node);
  return node;
}

async function end({ child }: Node, how: "kill" | "ask"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  if (how === "kill") child.kill("SIGKILL");
  else child.send("end");
  await ended;
}

async function publish({ address }: Node, path: string): Promise<void> {
  assert.equal((await fetch(`${address}/app/shop/${path}`, { method: "POST" })).status, 204);
}

async function notes({ address }: Node): Promise<Note[]> {
  return (await (await fetch(`${address}/app/shop/notes`)).json()) as Note[];
}

before(async () => {
  postgres = await startSystemPostgres();
});
after(async () => {
  await Promise.all(nodes.map((node) => end(node, "ask")));
  await postgres?.[Symbol.asyncDispose]();
  await Promise.all(workspaces.map((workspace) => workspace[Symbol.asyncDispose]()));
});

test("none is handled before all of its key that were published before it are done, although one server is killed", async (t) => {
  const [one, two] = [await startNode(), await startNode()];
  const keys = ["a", "b", "c", "d", "e", "f", "g"];
  const count = 24;
  // By turns on both servers for one key, and several keys at the same time; within a request nothing is waited for.
  await Promise.all(
    keys.map(async (key) => {
      for (let from = 0; from < count; from += 8) {
        await publish(from % 16 === 0 ? one : two, `${key}/${from}/${from + 8}`);
      }
    }),
  );
  const done = (all: Note[]): number =>
    new Set(all.filter(({ what }) => what === "done").map(({ key, number }) => `${key}${number}`)).size;
  await until(
    () => notes(one),
    (seen) => done(seen) >= 20,
  );
  await end(two, "kill");
  let all = await notes(one);
  while (done(all) < keys.length * count) {
    const before = done(all);
    // As long as it goes on, however slowly.
    all = await until(
      () => notes(one),
      (seen) => done(seen) > before,
    );
  }
  for (const key of keys) {
    const lane = all.filter((note) => note.key === key);
    const finished = new Set<number>();
    for (const { number, what } of lane) {
      if (what === "done") finished.add(number);
      const missing = Array.from({ length: number }, (_, at) => at).filter((before) => !finished.has(before));
      assert.deepEqual(missing, [], `key ${key}: ${number} ${what} before these were done`);
    }
  }
  const begun = all.filter(({ what }) => what === "begins").length;
  t.diagnostic(`${keys.length * count} events, ${begun} handlings`);
  // Each of number 7 failed once.
  assert.ok(begun >= keys.length * (count + 1));
});

// Requests through a sandboxed route against the same handlers elsewhere: rate, CPU time, added latency.
import { readFile } from "node:fs/promises";
import { packageFile } from "../../src/core/base/package-root.ts";
import { compare, type Comparison, type Target } from "../compare.ts";
import { startKoa, startNode, startWatt, startWorkerd, turnsOfOneMs } from "../peers.ts";
import type { Family, Plan } from "../plan.ts";
import type { Subject } from "../subject.ts";
import type { Row } from "../table.ts";
import { integration, makeWorkspace, plugin, serve, type Workspace } from "../workspace.ts";

export const http: Family = { name: "http", run };

const peers = { "node:http": startNode, koa: startKoa, workerd: startWorkerd, watt: startWatt };
const twoIsolates = "xcore with isolates: 2";
const outsiders = ["workerd", "watt"] as const;

async function* run(plan: Plan): AsyncGenerator<Row[]> {
  await using stack = new AsyncDisposableStack();
  const workspace = stack.use(await benchWorkspace());
  const subjects: Subject[] = [];
  for (const [name, start] of Object.entries({ ...peers, xcore: serve })) {
    plan.say(`starts ${name}`);
    try {
      subjects.push(stack.use(await start(workspace)));
    } catch (error) {
      if (!outsiders.some((outsider) => outsider === name)) throw error;
      yield [
        {
          what: `${name} can't run here`,
          value: Number.NaN,
          unit: "",
          measured: String(error).split("\n", 2).join(" "),
        },
      ];
    }
  }
  const targets = (path: string): Target[] =>
    subjects.map((subject) => ({
      subject,
      path: subject.name === "xcore" ? `/app/bench${path}` : path,
    }));

  for (const connections of [50, 1, 200]) {
    plan.say(`small JSON, ${connections} connections`);
    const figures = await compare(targets("/"), { connections }, plan);
    yield smallRows(figures, connections, subjects);
  }
  plan.say("10 KB of JSON both ways");
  const body = JSON.stringify(
    Array.from({ length: 128 }, (_, id) => ({ id, title: `note ${id}`, done: false, text: "x".repeat(29) })),
  );
  const echo = await compare(targets("/echo"), { connections: 50, body }, plan);
  yield heavyRows(echo, "10 KB JSON both ways, 50 connections");
  plan.say("1 ms of CPU");
  const path = `/work?turns=${turnsOfOneMs()}`;
  const several = subjects
    .filter(({ name }) => name === "xcore")
    .map((subject) => ({ subject: { ...subject, name: twoIsolates }, path: `/app/pair${path}` }));
  const work = await compare([...targets(path), ...several], { connections: 50 }, plan);
  const title = "1 ms of CPU in the handler, 50 connections";
  yield heavyRows(work, title, { goal: { atLeast: 1.5 } });
  yield heavyRows(work, `${title}, isolates: 2`, { goal: { atLeast: 1.5 }, subject: twoIsolates });
}

function smallRows(figures: Comparison, connections: number, subjects: readonly Subject[]): Row[] {
  const title = `small JSON, ${connections} connection${connections === 1 ? "" : "s"}`;
  const all = subjects.map(({ name }) => name);
  const rows: Row[] = [
    {
      ...rateRow(figures, title, "koa"),
      ...(connections === 50 ? { goal: { atLeast: 1 } } : {}),
      measured: said(figures, "perSecond", all),
    },
    {
      what: `${title}: CPU per request against koa`,
      value: figures.ratio("xcore", "koa", "cpuUs"),
      unit: "x",
      ...(connections === 50 ? { goal: { atMost: 1.25 } } : {}),
      measured: `${said(figures, "cpuUs", all)} us`,
    },
  ];
  if (connections === 1) {
    rows.push({
      what: `${title}: latency added to koa's, p50`,
      value: figures.difference("xcore", "koa", "p50Ms"),
      unit: "ms",
      goal: { atMost: 0.08 },
      measured: said(figures, "p50Ms", all),
    });
  }
  if (connections === 50) {
    for (const peer of outsiders) {
      if (!all.includes(peer)) continue;
      rows.push({
        ...rateRow(figures, title, peer),
        ...(peer === "workerd" ? { goal: { atLeast: 2 } } : {}),
      });
    }
  }
  return rows;
}

function heavyRows(
  figures: Comparison,
  title: string,
  { goal, subject = "xcore" }: { goal?: Row["goal"]; subject?: string } = {},
): Row[] {
  const all = ["node:http", "koa", "workerd", "watt", subject];
  return [
    {
      ...rateRow(figures, title, "koa", subject),
      ...(goal === undefined ? {} : { goal }),
      measured: said(figures, "perSecond", all),
    },
    {
      what: `${title}: CPU per request against koa`,
      value: figures.ratio(subject, "koa", "cpuUs"),
      unit: "x",
      measured: `${said(figures, "cpuUs", all)} us`,
    },
  ];
}

function rateRow(figures: Comparison, title: string, peer: string, subject = "xcore"): Row {
  return {
    what: `${title}: requests/s against ${peer}`,
    value: figures.ratio(subject, peer, "perSecond"),
    unit: "x",
  };
}

/** "koa 23,100, xcore 17,800"; what failed is never left out. */
function said(figures: Comparison, key: "perSecond" | "cpuUs" | "p50Ms", names: readonly string[]): string {
  return names
    .filter((name) => !Number.isNaN(figures.of(name, key)))
    .map((name) => {
      const failed = figures.of(name, "failed");
      const figure = figures.of(name, key).toLocaleString("en", { maximumFractionDigits: digits[key] });
      return `${name} ${figure}${failed > 0 ? ` (${failed} failed!)` : ""}`;
    })
    .join(", ");
}

const digits = { perSecond: 0, cpuUs: 0, p50Ms: 3 } as const;

const source = `
import { greeting, work } from "./handlers.ts";
export default definePlugin({
  routes: {
    "GET /": () => greeting,
    "POST /echo": (request) => request.json(),
    "GET /work": (request) => work(Number(new URL(request.url).searchParams.get("turns"))),
  },
});`;

async function benchWorkspace(): Promise<Workspace> {
  const handlers = await readFile(packageFile("bench", "peers", "handlers.ts"), "utf8");
  return await makeWorkspace({
    "integration.yaml": integration("plugins: { pair: { isolates: 2 } }\n"),
    ...plugin("bench", source, "limits: { memory: 128mb }\n"),
    ...plugin("pair", source, "limits: { memory: 128mb }\n"),
    "plugins/bench/handlers.ts": handlers,
    "plugins/pair/handlers.ts": handlers,
  });
}

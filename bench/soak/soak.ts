// A server that is reloaded again and again under load, with samples of what it holds.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { packageFile } from "../../src/core/base/package-root.ts";
import { load } from "../load.ts";
import { integration, makeWorkspace, plugin, type Workspace } from "../workspace.ts";
import { sampleOf, type Sample } from "./sample.ts";

export interface SoakOptions {
  reloads: number;
  /** Of load, over all reloads. */
  ms: number;
  /** How many samples; the reloads are spread evenly between them. */
  samples: number;
  requestsPerSecond: number;
  onSample(sample: Sample): void;
}

export interface SoakResult {
  samples: Sample[];
  requests: number;
  failed: number;
}

const reloadPatienceMs = 60_000;
const settleMs = 1500;

// A plugin that uses what plugins use; `shared` and `own` differ in where they run.
const source = (revision: number): string => `
export default definePlugin({
  start: async (ctx) => { await ctx.cache.set("revision", ${revision}); },
  jobs: { work: { run: () => null } },
  events: { "soak.*": () => undefined },
  actions: { revision: { run: () => ${revision} } },
  routes: {
    "GET /": () => "${revision}",
    "GET /cache": async (request, ctx) => ({ cached: await ctx.cache.get("revision") }),
    "GET /database": (request, ctx) => ctx.db.sql\`select \${${revision}}::int as revision\`,
    "GET /event": async (request, ctx) => { await ctx.events.publish("soak.tick", { at: 1 }); return "published"; },
    "GET /call": (request, ctx) => ctx.call("shared.revision"),
    "GET /later": () => new Promise((resolve) => setTimeout(() => resolve("later"), 20)),
  },
});`;
const manifest =
  "permissions: { database: true, cache: true, jobs: true, call: [shared.revision], events: { publish: [soak.*], subscribe: [soak.*] } }\n";
const names = ["shared", "own"] as const;
const paths = names.flatMap((name) =>
  ["", "cache", "database", "event", "call", "later"].map((path) => `/app/${name}/${path}`),
);

export async function soak(options: SoakOptions): Promise<SoakResult> {
  await using workspace = await makeWorkspace({
    "integration.yaml": integration("plugins: { own: { isolation: own } }\n"),
    ...plugin("shared", source(0), manifest),
    ...plugin("own", source(0), manifest),
  });
  await using core = await startCore(workspace.folder);
  const result: SoakResult = { samples: [], requests: 0, failed: 0 };
  const phases = options.samples;
  let done = 0;
  // One phase more than counted: the first one brings everything into use.
  for (let phase = 0; phase <= phases; phase += 1) {
    const last = Math.round((options.reloads * phase) / phases);
    const reloads = phase === 0 ? 2 * names.length : last - done;
    const ms = phase === 0 ? Math.min(3000, options.ms) : options.ms / phases;
    const loading = load({
      address: core.address,
      path: paths,
      connections: 10,
      ms,
      rate: options.requestsPerSecond,
    });
    const until = performance.now() + ms;
    for (let number = 0; number < reloads; number += 1) {
      const name = names[number % names.length] ?? names[0];
      await reloadOnce(workspace, core.address, { name, revision: phase * 1_000_000 + number + 1 });
      const share = (until - performance.now()) / (reloads - number);
      if (share > 0) await sleep(share / 2);
    }
    const { answers, failed } = await loading;
    result.requests += answers + failed;
    result.failed += failed;
    done = last;
    // What was replaced last still drains, and the spare starts.
    await sleep(settleMs);
    const sample = await sampleOf(core.child, done);
    result.samples.push(sample);
    options.onSample(sample);
  }
  return result;
}

async function reloadOnce(
  workspace: Workspace,
  address: string,
  { name, revision }: { name: string; revision: number },
): Promise<void> {
  const [file = "", text = ""] = Object.entries(plugin(name, source(revision)))[1] ?? [];
  await workspace.write(file, text);
  const until = performance.now() + reloadPatienceMs;
  while ((await (await fetch(`${address}/app/${name}/`)).text()) !== String(revision)) {
    if (performance.now() > until) throw new Error(`revision ${revision} of '${name}' was never served`);
    await sleep(5);
  }
}

async function startCore(
  folder: string,
): Promise<{ address: string; child: ChildProcess } & AsyncDisposable> {
  const child = spawn(process.execPath, ["--expose-gc", packageFile("bench", "soak", "core.ts"), folder], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  if (child.stdout !== null) createInterface({ input: child.stdout }).once("line", resolve);
  child.once("exit", (code) => reject(new Error(`the core ended with ${code} before it listened`)));
  const address = await promise;
  return {
    address,
    child,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}

// What the wall itself costs, without HTTP: opening an isolate, a fresh host, crossing there and back.
import { silentLogger } from "../../src/core/base/log.ts";
import { bundlePlugin, type Bundle } from "../../src/core/sandbox/bundle.ts";
import { createSandboxPool } from "../../src/core/sandbox/pool.ts";
import type { Sandbox, SandboxPool } from "../../src/core/sandbox/sandbox.ts";
import { rawOptions } from "../../test/core/sandbox/raw.ts";
import { median, quantile } from "../figures.ts";
import type { Family, Plan } from "../plan.ts";
import type { Row } from "../table.ts";
import { makeWorkspace, plugin } from "../workspace.ts";

export const isolates: Family = { name: "isolates", run };

const request = {
  method: "GET",
  url: "http://bench.test/",
  headers: ["host", "bench.test", "accept", "*/*", "user-agent", "bench"],
  body: "",
  encoding: "utf8",
} as const;
const source = 'export default definePlugin({ routes: { "GET /": () => ({ hello: "world" }) } });';

async function* run(plan: Plan): AsyncGenerator<Row[]> {
  await using workspace = await makeWorkspace(plugin("bench", source));
  const folder = `${workspace.folder}/plugins/bench`;
  const bundle = await bundlePlugin({ folder, entry: "index.ts", label: "bench@1.0.0" });
  plan.say("fresh hosts");
  const fresh: number[] = [];
  for (let host = 0; host < Math.min(5, plan.samples); host += 1) {
    const began = performance.now();
    await using pool = createSandboxPool({ logger: silentLogger, spare: false });
    await firstCall(pool, bundle);
    fresh.push(performance.now() - began);
  }
  plan.say("isolates in a warm host");
  // Without a spare, which would start beside what is measured.
  await using pool = createSandboxPool({ logger: silentLogger, spare: false });
  const sandbox = await firstCall(pool, bundle);
  const warm: number[] = [];
  for (let round = -3; round < plan.samples; round += 1) {
    const began = performance.now();
    const again = await firstCall(pool, bundle);
    if (round >= 0) warm.push(performance.now() - began);
    await again.close();
  }
  plan.say("crossings");
  const one = await cross(sandbox, { inFlight: 1, ms: plan.turnMs });
  const many = await cross(sandbox, { inFlight: 64, ms: plan.turnMs });
  yield [
    {
      what: "new isolate to first answer in a warm host, p50",
      value: median(warm),
      unit: "ms",
      goal: { atMost: 5 },
    },
    { what: "fresh host to first answer, p50", value: median(fresh), unit: "ms", goal: { atMost: 200 } },
    {
      what: "request through the wall without HTTP, p50",
      value: quantile(one, 0.5),
      unit: "ms",
      measured: `p99 ${quantile(one, 0.99).toFixed(3)} ms`,
    },
    {
      what: "requests through the wall without HTTP, 64 in flight",
      value: many.length / (plan.turnMs / 1000),
      unit: "/s",
    },
  ];
}

async function firstCall(pool: SandboxPool, bundle: Bundle): Promise<Sandbox> {
  const sandbox = await pool.open({ ...rawOptions(""), ...bundle, label: "bench@1.0.0" });
  await sandbox.request(request, { timeoutMs: 5000 });
  return sandbox;
}

/** What each of the answers took, in ms. */
async function cross(
  sandbox: Sandbox,
  { inFlight, ms }: { inFlight: number; ms: number },
): Promise<number[]> {
  const times: number[] = [];
  const drive = async (until: number, note: boolean): Promise<void> => {
    while (performance.now() < until) {
      const sent = performance.now();
      await sandbox.request(request, { timeoutMs: 5000 });
      if (note) times.push(performance.now() - sent);
    }
  };
  for (const note of [false, true]) {
    const until = performance.now() + (note ? ms : 300);
    await Promise.all(Array.from({ length: inFlight }, () => drive(until, note)));
  }
  return times;
}

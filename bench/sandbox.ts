// What crossing the wall costs: core -> host process -> isolate -> back, with a handler that gives small JSON.
// node bench/sandbox.ts [requests]
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../src/core/base/log.ts";
import { bundlePlugin } from "../src/core/sandbox/bundle.ts";
import { createSandboxPool } from "../src/core/sandbox/pool.ts";
import type { Sandbox, SandboxPool } from "../src/core/sandbox/sandbox.ts";
import { ensureBuilt } from "../test/core/sandbox/built.ts";

const requests = Number(process.argv[2] ?? 40_000);
const request = {
  method: "GET",
  url: "http://bench.test/",
  headers: ["host", "bench.test", "accept", "*/*", "user-agent", "bench"],
  body: "",
  encoding: "utf8",
} as const;

await ensureBuilt();
const folder = await mkdtemp(join(tmpdir(), "xcore-bench-"));
try {
  await writeFile(
    join(folder, "index.ts"),
    `import { definePlugin } from "xcore/plugin"; export default definePlugin({ routes: { "GET /": () => ({ hello: "world" }) } });`,
  );
  const bundle = await bundlePlugin({ folder, entry: "index.ts", label: "bench@1.0.0" });
  await using pool = createSandboxPool({ logger: silentLogger });
  const fresh = performance.now();
  const sandbox = await open(pool, bundle);
  console.log(`open in a fresh host   ${ms(performance.now() - fresh)}`);
  const warm: number[] = [];
  for (let round = 0; round < 10; round += 1) {
    const started = performance.now();
    const again = await open(pool, bundle);
    warm.push(performance.now() - started);
    await again.close();
  }
  console.log(`open in a warm host    ${ms(percentile(warm, 0.5))}`);
  await run(sandbox, requests, 64);
  console.log("in flight   requests/s      p50         p99     CPU of the core");
  for (const inFlight of [1, 8, 64, 200])
    await run(sandbox, inFlight === 1 ? requests / 4 : requests, inFlight, true);
  await sandbox.close();
} finally {
  await rm(folder, { recursive: true });
}

function open(pool: SandboxPool, bundle: { code: string; sourceMap: string }): Promise<Sandbox> {
  return pool.open({
    label: "bench@1.0.0",
    group: "bench",
    ...bundle,
    limits: { memoryBytes: 64 * 1024 ** 2, cpuMs: 200, timeoutMs: 5000, rate: undefined },
    boot: { plugin: "bench", version: "1.0.0", config: {}, permissions: [] },
    onHostCall: () => Promise.resolve(null),
    onLog: () => undefined,
    onEnd: (reason) => console.error(reason.message),
  });
}

async function run(sandbox: Sandbox, count: number, inFlight: number, print = false): Promise<void> {
  let left = count;
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const started = performance.now();
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const sent = performance.now();
      await sandbox.request(request, { timeoutMs: 5000 });
      latencies.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  const elapsed = performance.now() - started;
  const used = process.cpuUsage(cpu);
  if (!print) return;
  const rate = Math.round((count / elapsed) * 1000).toLocaleString("en");
  const perRequest = ((used.user + used.system) / count).toFixed(1);
  console.log(
    `${String(inFlight).padStart(9)} ${rate.padStart(12)} ${ms(percentile(latencies, 0.5))} ${ms(percentile(latencies, 0.99))} ${perRequest.padStart(8)} us a request`,
  );
}

function percentile(values: number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

function ms(value: number): string {
  return `${value.toFixed(3)} ms`.padStart(11);
}

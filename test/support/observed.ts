// What an attack does to everybody else: failed requests, stalls of the core's event loop, memory of the hosts.
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { TestContext } from "node:test";
import { startLoad } from "./load.ts";
import type { TestCore } from "./workspace.ts";

const mebibyte = 1024 ** 2;
/** Promised are 50 ms. The load itself lives in the core's thread here, and so does the test; a shared processor is slower at times. */
const longestStretchMs = 300;
/** Three times the limit of 64 MB, and 60 MB for the host itself. */
const mostHostMb = 3 * 64 + 60;
const mebibytesAMillisecond = 2;

/** Runs `attack` beside a steady load of the good plugin. Rejects when anybody else was hurt. */
export async function observed<Result>(
  server: TestCore,
  t: TestContext,
  attack: () => Promise<Result>,
): Promise<Result> {
  const load = startLoad(server);
  await load.steady;
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const stretches = watchStretches();
  const hosts = watchHosts(server);
  delay.enable();
  const since = performance.now();
  const [outcome] = await Promise.allSettled([attack()]);
  const tookMs = Math.round(performance.now() - since);
  delay.disable();
  const stallMs = Math.round(delay.max / 1e6);
  const stretchMs = stretches.stop();
  const hostMb = hosts.stop();
  const { requests, failures, starved, slowestMs } = await load.stop();
  t.diagnostic(
    `${tookMs} ms; the core computed for ${stretchMs} ms at a stretch, its event loop was ${stallMs} ms late at most; a host grew to ${hostMb} MB; ` +
      `good plugin: ${requests} requests, ${failures.length} failed, ${starved} had no processor, the slowest took ${slowestMs} ms`,
  );
  if (outcome.status === "rejected") throw outcome.reason;
  if (failures.length > 0) throw new Error(`the good plugin failed: ${failures.join("; ")}`);
  if (stretchMs > longestStretchMs) throw new Error(`the core computed for ${stretchMs} ms at a stretch`);
  // Until the core looks again, which a busy machine delays, a host grows by what it can write meanwhile.
  if (hostMb > mostHostMb + stallMs * mebibytesAMillisecond) throw new Error(`a host grew to ${hostMb} MB`);
  return outcome.value;
}

/**
 * The longest stretch of the core's thread, by the CPU time it took: unlike the delay of the event loop
 * this says the same on a machine that is busy with something else.
 */
function watchStretches(): { stop(): number } {
  const used = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let before = used();
  let longest = 0;
  const look = (): void => {
    const now = used();
    longest = Math.max(longest, now - before);
    before = now;
  };
  const looking = setInterval(look, 2);
  return {
    stop() {
      clearInterval(looking);
      return Math.round(longest);
    },
  };
}

/** The largest any host of a plugin other than the good one grows, in MB. */
function watchHosts(server: TestCore): { stop(): number } {
  let peak = 0;
  const pids = new Set<number>();
  const look = (): void => {
    for (const pid of pids) {
      try {
        const pages = Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]);
        peak = Math.max(peak, pages * 4096);
      } catch {
        pids.delete(pid);
      }
    }
  };
  const refresh = async (): Promise<void> => {
    const { plugins } = await server.core.status();
    for (const { name, hostPid } of plugins) if (name !== "good" && hostPid !== null) pids.add(hostPid);
  };
  void refresh();
  const looking = setInterval(look, 5);
  const refreshing = setInterval(() => void refresh(), 200);
  return {
    stop() {
      clearInterval(looking);
      clearInterval(refreshing);
      return Math.round(peak / mebibyte);
    },
  };
}

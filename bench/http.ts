// Requests through a sandboxed route against the same handler without a wall, side by side, as ratios.
// Usage: node bench/http.ts [rounds] [seconds]
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import autocannon from "autocannon";
import { packageFile } from "../src/core/base/package-root.ts";
import { cpuMs, median, startSubject, type Subject } from "./support.ts";

const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 4);

interface Figure {
  perSecond: number;
  cpuUs: number;
  p50Ms: number;
  failed: number;
}

const workspace = await mkdtemp(join(tmpdir(), "xcore-bench-"));
await symlink(packageFile("node_modules"), join(workspace, "node_modules"));
await cp(packageFile("plugins/hello"), join(workspace, "plugins/hello"), { recursive: true });
await writeFile(
  join(workspace, "integration.yaml"),
  "name: bench\nserver: { port: 0 }\nlog: { level: warn }\n",
);

try {
  await using stack = new AsyncDisposableStack();
  const subjects = [
    await startSubject("node:http", [packageFile("bench/peers/node-http.ts")], { cwd: workspace, path: "/" }),
    await startSubject("koa", [packageFile("bench/peers/koa.ts")], { cwd: workspace, path: "/" }),
    await startSubject("xcore", [packageFile("bin/run.js"), "serve"], {
      cwd: workspace,
      path: "/app/hello/",
      env: { NODE_ENV: "production" },
    }),
  ];
  for (const subject of subjects) stack.use(subject);
  for (const connections of [1, 50, 200]) await compare(subjects, connections);
} finally {
  await rm(workspace, { recursive: true, force: true, maxRetries: 5 });
}

/** In turn, round by round, so that the machine's moods meet all alike. */
async function compare(subjects: readonly Subject[], connections: number): Promise<void> {
  const figures = new Map<string, Figure[]>(subjects.map((subject) => [subject.name, []]));
  for (const subject of subjects) await measure(subject, connections, 2);
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of subjects)
      figures.get(subject.name)?.push(await measure(subject, connections, seconds));
  }
  const of = (name: string, key: keyof Figure): number =>
    median((figures.get(name) ?? []).map((figure) => figure[key]));
  console.log(`\n${connections} connection(s), medians of ${rounds} rounds of ${seconds} s`);
  console.log("subject      req/s   x koa   CPU us/req   x koa   p50 ms   failed");
  for (const { name } of subjects) {
    const cells = [
      name.padEnd(10),
      of(name, "perSecond").toFixed(0).padStart(8),
      (of(name, "perSecond") / of("koa", "perSecond")).toFixed(2).padStart(7),
      of(name, "cpuUs").toFixed(1).padStart(12),
      (of(name, "cpuUs") / of("koa", "cpuUs")).toFixed(2).padStart(7),
      of(name, "p50Ms").toFixed(3).padStart(8),
      String(Math.max(...(figures.get(name) ?? []).map((figure) => figure.failed))).padStart(8),
    ];
    console.log(cells.join(" "));
  }
}

async function measure(subject: Subject, connections: number, duration: number): Promise<Figure> {
  const before = await cpuMs(subject.pid);
  const result = await autocannon({ url: subject.url, connections, duration });
  const requests = result.requests.total;
  return {
    perSecond: requests / result.duration,
    cpuUs: (((await cpuMs(subject.pid)) - before) * 1000) / requests,
    // autocannon counts whole milliseconds; at few connections the mean time between answers is the finer figure.
    p50Ms: connections === 1 ? (result.duration * 1000) / requests : result.latency.p50,
    failed: result.non2xx + result.errors,
  };
}

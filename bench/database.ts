// Queries through ctx.db in a sandboxed route against pg in plain Koa, on the same Postgres, interleaved, as ratios.
// Usage: node bench/database.ts [rounds] [seconds]
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import autocannon from "autocannon";
import { silentLogger } from "../src/core/base/log.ts";
import { packageFile } from "../src/core/base/package-root.ts";
import { openEmbedded } from "../src/core/services/database/embedded/server.ts";
import { cpuMs, median, startSubject, type Subject } from "./support.ts";

const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 4);

interface Figure {
  perSecond: number;
  cpuUs: number;
  p50Ms: number;
  failed: number;
}

const route = (rows: string): string => `(request, { db }) => {
  last = (last % 1000) + 1;
  return db.sql\`select id, title, created_at from notes where id between \${last} and \${last} + \${${rows}}::int\`;
}`;
const files = {
  "integration.yaml":
    "name: bench\nserver: { port: 0 }\nlog: { level: warn }\nservices: { database: { driver: embedded, pluginConnections: 10 } }\n",
  "plugins/bench/plugin.yaml":
    'name: bench\nversion: 1.0.0\nxcore: ">=0.1.0"\nentry: index.ts\npermissions: { database: true }\nlimits: { memory: 256mb }\n',
  "plugins/bench/index.ts": `import { definePlugin } from "xcore/plugin";
let last = 0;
export default definePlugin({ routes: { "GET /": ${route("0")}, "GET /many": ${route("99")} } });
`,
  "plugins/bench/migrations/0001_notes.sql": `create table notes (id int primary key, title text not null, created_at timestamptz not null default now());
insert into notes select i, 'note number ' || i from generate_series(1, 1100) i;`,
};

const workspace = await mkdtemp(join(tmpdir(), "xcore-bench-"));
await symlink(packageFile("node_modules"), join(workspace, "node_modules"));
for (const [path, text] of Object.entries(files)) {
  await mkdir(dirname(join(workspace, path)), { recursive: true });
  await writeFile(join(workspace, path), text);
}

try {
  await using stack = new AsyncDisposableStack();
  // Opened here, so that its CPU time counts for neither.
  const stateFolder = join(workspace, ".xcore");
  const server = stack.use(
    await openEmbedded({ service: "database", workspace, stateFolder, logger: silentLogger }),
  );
  const xcore = await startSubject("xcore", [packageFile("bin/run.js"), "serve"], {
    cwd: workspace,
    path: "/app/bench/",
    env: { NODE_ENV: "production" },
  });
  stack.use(xcore);
  const koa = await startSubject("koa + pg", [packageFile("bench/peers/koa-pg.ts"), server.connection.host], {
    cwd: workspace,
    path: "/",
  });
  stack.use(koa);
  for (const path of ["", "many"])
    for (const connections of [1, 50]) await compare([koa, xcore], path, connections);
} finally {
  await rm(workspace, { recursive: true, force: true, maxRetries: 5 });
}

/** In turn, round by round, so that the machine's moods meet all alike. */
async function compare(
  subjects: readonly [Subject, Subject],
  path: string,
  connections: number,
): Promise<void> {
  const figures = new Map<string, Figure[]>(subjects.map(({ name }) => [name, []]));
  for (const subject of subjects) await measure(subject, path, connections, 2);
  for (let round = 0; round < rounds; round += 1)
    for (const subject of subjects)
      figures.get(subject.name)?.push(await measure(subject, path, connections, seconds));
  const of = ({ name }: Subject, key: keyof Figure): number =>
    median((figures.get(name) ?? []).map((figure) => figure[key]));
  const [peer] = subjects;
  console.log(
    `\n${path === "many" ? "100 rows" : "1 row"}, ${connections} connection(s), medians of ${rounds} rounds of ${seconds} s`,
  );
  console.log("subject      req/s  x koa   CPU us/req  x koa   p50 ms  failed");
  for (const subject of subjects) {
    const cells = [
      subject.name.padEnd(10),
      of(subject, "perSecond").toFixed(0).padStart(7),
      (of(subject, "perSecond") / of(peer, "perSecond")).toFixed(2).padStart(6),
      of(subject, "cpuUs").toFixed(0).padStart(12),
      (of(subject, "cpuUs") / of(peer, "cpuUs")).toFixed(2).padStart(6),
      of(subject, "p50Ms").toFixed(2).padStart(8),
      String(Math.max(...(figures.get(subject.name) ?? []).map(({ failed }) => failed))).padStart(7),
    ];
    console.log(cells.join(" "));
  }
}

async function measure(
  subject: Subject,
  path: string,
  connections: number,
  duration: number,
): Promise<Figure> {
  const before = await cpuMs(subject.pid);
  const result = await autocannon({ url: `${subject.url}${path}`, connections, duration });
  const requests = result.requests.total;
  return {
    perSecond: requests / result.duration,
    cpuUs: (((await cpuMs(subject.pid)) - before) * 1000) / requests,
    p50Ms: connections === 1 ? (result.duration * 1000) / requests : result.latency.p50,
    failed: result.non2xx + result.errors,
  };
}

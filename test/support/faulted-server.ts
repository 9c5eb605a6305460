// A real server whose Postgres and Redis lie behind fault proxies, and what a fault does to those who use it.
import { setTimeout as pause } from "node:timers/promises";
import type { TestContext } from "node:test";
import { openFaultProxy, type FaultProxy } from "./fault-proxy.ts";
import { heapInUse } from "./heap.ts";
import { testRedis, type TestRedis } from "./services.ts";
import { startSystemPostgres, type SystemPostgres, type SystemPostgresOptions } from "./system-postgres.ts";
import { openTestCore, pluginFiles, testWorkspace, until, type TestCore } from "./workspace.ts";

export interface FaultedServer extends AsyncDisposable {
  readonly server: TestCore;
  readonly postgres: SystemPostgres;
  readonly redis: TestRedis;
  /** Between the server and its Postgres. */
  readonly databaseLine: FaultProxy;
  /** Between the server and its Redis. */
  readonly cacheLine: FaultProxy;
  /** Resolves when /readyz says 503. */
  unready(): Promise<void>;
  /** Lets `fault` happen to a server in use; the fault is over when it resolves. */
  suffer(t: TestContext | undefined, name: string, fault: () => Promise<void>): Promise<Suffered>;
}

/** What clients saw. All times in ms. */
export interface Suffered {
  /** Answers of /livez other than 200, and the slowest answer. */
  notAlive: number;
  slowestLivezMs: number;
  /** From the fault's begin to the first 503 of /readyz; null when it said 200 throughout. */
  unreadyAfterMs: number | null;
  /** From the fault's end to the last 503 of /readyz; 0 when it was ready. */
  readyAfterMs: number;
  /** Writes that were answered with 200, and how many of them are not there. */
  written: number;
  lostWrites: number;
  /** From the fault's end to the first write that was answered with 200. */
  writesAfterMs: number;
  /** Jobs whose id was answered, and how many of them have not run. */
  enqueued: number;
  lostJobs: number;
  /** Requests that use nothing but the cache: how many, how many failed, the slowest. */
  cached: number;
  failedCached: number;
  slowestCachedMs: number;
  /** The median of those while the fault lasted, and of requests that use nothing at all. */
  usualCachedMs: number;
  usualPlainMs: number;
  unhandled: readonly string[];
  /** Growth of the heap after collection, in MB. */
  grownMb: number;
}

export interface FaultedOptions {
  postgres?: SystemPostgresOptions;
  /** Options of services.database, as lines of YAML flow: `poolSize: 5`. */
  database?: string;
  /** Options of services.jobs, likewise. */
  jobs?: string;
  /** Further plugins. */
  files?: Record<string, string>;
  /** Before the server is opened. */
  prepare?: (lines: { database: FaultProxy; cache: FaultProxy }) => Promise<void>;
}

const good = pluginFiles(
  "good",
  `export default definePlugin({
  jobs: { note: { concurrency: 5, retries: 10, run: async (n, { db }) => {
    await db.sql\`insert into noted (n) values (\${n}) on conflict do nothing\`;
  } } },
  routes: {
    "POST /rows/:n": async (request, { db, params }) => { await db.sql\`insert into rows (n, filler) values (\${Number(params.n)}, repeat('x', 1000))\`; return "stored"; },
    "POST /jobs/:n": async (request, { jobs, params }) => jobs.enqueue("note", Number(params.n)),
    "GET /cached/:n": async (request, { cache, params }) => cache.getOrSet("n" + params.n, () => ({ n: params.n })),
    "GET /plain": () => "plain",
    "GET /kept": async (request, { db }) => ({
      rows: (await db.sql\`select array_agg(n) as all from rows\`)[0].all ?? [],
      noted: (await db.sql\`select array_agg(n) as all from noted\`)[0].all ?? [],
    }),
  },
});`,
  "permissions: { database: true, cache: true, jobs: true }\n",
);
const tables =
  "-- migrate:up\ncreate table rows (n int primary key, filler text);\ncreate table noted (n int primary key);\n-- migrate:down\ndrop table rows, noted;\n";

export async function openFaultedServer(options: FaultedOptions = {}): Promise<FaultedServer> {
  await using opening = new AsyncDisposableStack();
  const [postgres, redis] = await Promise.all([
    startSystemPostgres(options.postgres).then((started) => opening.use(started)),
    testRedis().then((started) => opening.use(started)),
  ]);
  const databaseLine = opening.use(await openFaultProxy({ port: postgres.port }));
  const cacheLine = opening.use(await openFaultProxy({ port: Number(new URL(redis.url).port) }));
  const workspace = opening.use(
    await testWorkspace({
      ...good,
      "plugins/good/migrations/0001_tables.sql": tables,
      "integration.yaml": [
        "name: faulted",
        "server: { port: 0, drain: 500ms }",
        "admin: { token: test-token-test-token-test-token }",
        "services:",
        `  database: { driver: postgres, url: "postgres://xcore@127.0.0.1:${databaseLine.port}/postgres"${options.database === undefined ? "" : `, ${options.database}`} }`,
        `  cache: { driver: redis, url: "redis://127.0.0.1:${cacheLine.port}" }`,
        `  jobs: { lockLifetime: 3s${options.jobs === undefined ? "" : `, ${options.jobs}`} }`,
      ].join("\n"),
      ...options.files,
    }),
  );
  await options.prepare?.({ database: databaseLine, cache: cacheLine });
  const server = opening.use(await openTestCore(workspace));
  let numbers = 0;
  const parts = opening.move();
  return {
    server,
    postgres,
    redis,
    databaseLine,
    cacheLine,
    async unready() {
      await until(
        async () => (await server.get("/readyz")).status,
        (status) => status === 503,
      );
    },
    async suffer(t, name, fault) {
      const clients = new Clients(server, () => (numbers += 1));
      const suffered = await clients.during(fault);
      t?.diagnostic(`${name}: ${describe(suffered)}`);
      return suffered;
    },
    async [Symbol.asyncDispose]() {
      await databaseLine.set({ kind: "pass" });
      await cacheLine.set({ kind: "pass" });
      await parts.disposeAsync();
    },
  };
}

interface Answer {
  at: number;
  ms: number;
  status: number;
  body: string;
}

class Clients {
  readonly #server: TestCore;
  readonly #nextNumber: () => number;
  readonly #ended = new AbortController();

  constructor(server: TestCore, nextNumber: () => number) {
    this.#server = server;
    this.#nextNumber = nextNumber;
  }

  async during(fault: () => Promise<void>): Promise<Suffered> {
    const unhandled: string[] = [];
    const note = (error: unknown): void => void unhandled.push(String(error));
    process.on("unhandledRejection", note);
    await this.#until200("/readyz");
    const heapBefore = heapInUse();
    const livez = this.#ask(() => ["/livez"]);
    const readyz = this.#ask(() => ["/readyz"]);
    const written = new Set<number>();
    const enqueued = new Set<number>();
    const writes = this.#ask(() => [`/app/good/rows/${this.#nextNumber()}`, "POST"], written);
    const jobs = this.#ask(() => [`/app/good/jobs/${this.#nextNumber()}`, "POST"], enqueued);
    // Half of them are of keys that are there already: reads, and reads with writes.
    const cached = this.#ask(() => [`/app/good/cached/${Math.ceil(this.#nextNumber() / 2)}`]);
    const plain = this.#ask(() => ["/app/good/plain"]);
    await pause(300);
    const beganAt = performance.now();
    await fault().catch((error: unknown) => {
      this.#ended.abort();
      throw error;
    });
    const endedAt = performance.now();
    await this.#settled([livez, readyz, writes, jobs, cached, plain], endedAt);
    this.#ended.abort();
    const all = {
      livez: await livez.done,
      readyz: await readyz.done,
      writes: await writes.done,
      cached: await cached.done,
      plain: await plain.done,
    };
    const usual = (answers: readonly Answer[]): number =>
      median(answers.filter(({ at }) => at > beganAt && at < endedAt).map(({ ms }) => ms));
    await jobs.done;
    const kept = await until(
      async () => JSON.parse(await (await this.#server.get("/app/good/kept")).text()) as Kept,
      ({ noted }) => isSubset(enqueued, noted),
    ).catch(() => undefined);
    const heapAfter = heapInUse();
    process.off("unhandledRejection", note);
    const unready = all.readyz.filter(({ status, at }) => status === 503 && at >= beganAt);
    const lastUnready = unready.at(-1)?.at ?? 0;
    return {
      notAlive: all.livez.filter(({ status }) => status !== 200).length,
      slowestLivezMs: slowest(all.livez),
      unreadyAfterMs: unready[0] === undefined ? null : Math.round(unready[0].at - beganAt),
      readyAfterMs: Math.round(Math.max(0, lastUnready - endedAt)),
      written: written.size,
      lostWrites: missing(written, kept?.rows),
      writesAfterMs: Math.round(
        (all.writes.find(({ status, at }) => status === 200 && at > endedAt)?.at ?? Infinity) - endedAt,
      ),
      enqueued: enqueued.size,
      lostJobs: missing(enqueued, kept?.noted),
      cached: all.cached.length,
      failedCached: all.cached.filter(({ status }) => status !== 200).length,
      slowestCachedMs: slowest(all.cached),
      usualCachedMs: usual(all.cached),
      usualPlainMs: usual(all.plain),
      unhandled,
      grownMb: Math.round((heapAfter - heapBefore) / 1024 ** 2),
    };
  }

  /** Asks again and again, one request at a time. `acknowledged`: the numbers in the paths that were answered with 200. */
  #ask(next: () => readonly [path: string, method?: string], acknowledged?: Set<number>): Asking {
    const answers: Answer[] = [];
    const work = async (): Promise<Answer[]> => {
      while (!this.#ended.signal.aborted) {
        const [path, method = "GET"] = next();
        const since = performance.now();
        const { status, body } = await this.#server
          .get(path, { method })
          .then(async (answer) => ({ status: answer.status, body: await answer.text() }))
          .catch((error: unknown) => ({ status: 0, body: String(error) }));
        const at = performance.now();
        answers.push({ at, ms: at - since, status, body });
        if (status === 200) acknowledged?.add(Number(path.split("/").at(-1)));
        await pause(25);
      }
      return answers;
    };
    return { answers, done: work() };
  }

  /** Until each has been answered with 200 for a second, and for a minute at most. */
  async #settled(all: readonly Asking[], endedAt: number): Promise<void> {
    const fine = ({ answers }: Asking): boolean => {
      const since = answers.findLast(({ status, at }) => status !== 200 || at < endedAt)?.at ?? 0;
      const good = answers.filter(({ at }) => at > since && at > endedAt);
      return performance.now() - Math.max(since, endedAt) > 1000 && good.length > 2;
    };
    while (!all.every(fine) && performance.now() - endedAt < 60_000) await pause(50);
  }

  async #until200(path: string): Promise<void> {
    await until(
      async () => (await this.#server.get(path)).status,
      (status) => status === 200,
    );
  }
}

interface Asking {
  readonly answers: readonly Answer[];
  readonly done: Promise<Answer[]>;
}

interface Kept {
  rows: number[];
  noted: number[];
}

function slowest(answers: readonly Answer[]): number {
  return Math.round(Math.max(0, ...answers.map(({ ms }) => ms)));
}

function median(all: readonly number[]): number {
  return Math.round(all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0);
}

function isSubset(some: ReadonlySet<number>, all: readonly number[]): boolean {
  return some.isSubsetOf(new Set(all));
}

function missing(some: ReadonlySet<number>, all: readonly number[] = []): number {
  return some.difference(new Set(all)).size;
}

function describe(seen: Suffered): string {
  const ready =
    seen.unreadyAfterMs === null ? "ready throughout" : `not ready after ${seen.unreadyAfterMs} ms`;
  return [
    `/livez ${seen.notAlive === 0 ? "200" : `not 200 ${seen.notAlive} times`} (${seen.slowestLivezMs} ms at most)`,
    `${ready}, ready again after ${seen.readyAfterMs} ms, writes after ${seen.writesAfterMs} ms`,
    `${seen.written} writes, ${seen.lostWrites} lost`,
    `${seen.enqueued} jobs, ${seen.lostJobs} lost`,
    `${seen.cached} by the cache, ${seen.failedCached} failed, ${seen.slowestCachedMs} ms at most, ${seen.usualCachedMs} ms as a rule (without it ${seen.usualPlainMs} ms)`,
    `${seen.unhandled.length} unhandled rejections, heap ${seen.grownMb >= 0 ? "+" : ""}${seen.grownMb} MB`,
  ].join("; ");
}

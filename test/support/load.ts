// The good neighbour of hostile plugins: a plugin that computes and stores, and clients that check each of its answers.
import { setTimeout as pause } from "node:timers/promises";
import { endsOf } from "./ends.ts";
import { pluginFiles, type TestCore } from "./workspace.ts";

export const goodPlugin: Record<string, string> = {
  ...pluginFiles(
    "good",
    `let counted = 0;
export default definePlugin({ routes: {
  "GET /square/:n": (request, { params }) => ({ square: Number(params.n) ** 2 }),
  "POST /count": async (request) => { await request.text(); counted += 1; return { counted }; },
  "POST /rows": async (request, { db }) => { await db.sql\`insert into rows (text) values (\${await request.text()})\`; return "stored"; },
  "GET /stored": async (request, { db }) => ({ counted, rows: (await db.sql\`select text from rows\`).length }),
} });`,
    "limits: { timeout: 30s }\npermissions: { database: true }\n",
  ),
  "plugins/good/migrations/0001_create_rows.sql":
    "-- migrate:up\ncreate table rows (id bigint generated always as identity primary key, text text not null);\n-- migrate:down\ndrop table rows;\n",
};

const clients = 4;

export interface Load {
  /** The first answers of each client are there. */
  readonly steady: Promise<unknown>;
  stop(): Promise<{ requests: number; failures: string[]; starved: number; slowestMs: number }>;
}

interface Stored {
  counted: number;
  rows: number;
}

/** A request of which the core says that the machine had not let it run: that is nobody's doing, and the plugin begins anew. */
export const starvation = /of which a processor worked on it for/;

/** Some clients that ask without a break; every answer is checked, and in the end everything that was stored is counted. */
export function startLoad(server: TestCore): Load {
  const failures: string[] = [];
  const starvedEnds = (): number =>
    endsOf(server.log, "good", { starved: true }).length - endsOf(server.log, "good").length;
  const starvedBefore = starvedEnds();
  const ended = new AbortController();
  let requests = 0;
  let starved = 0;
  let slowestMs = 0;
  const acknowledged = { counted: 0, rows: 0 };
  const ask = async (path: string, init?: RequestInit): Promise<string> => {
    const since = performance.now();
    const answer = await server.get(`/app/good${path}`, init);
    const text = await answer.text();
    requests += 1;
    slowestMs = Math.max(slowestMs, Math.round(performance.now() - since));
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${text}`);
    return text;
  };
  const round = async (n: number): Promise<void> => {
    const { square } = JSON.parse(await ask(`/square/${n}`)) as { square: number };
    if (square !== n ** 2) failures.push(`${n} squared is not ${square}`);
    if (n % 4 === 0) {
      await ask("/count", { method: "POST", body: "one more" });
      acknowledged.counted += 1;
    }
    if (n % 16 === 0) {
      await ask("/rows", { method: "POST", body: `row ${n}` });
      acknowledged.rows += 1;
    }
  };
  const stored = async (): Promise<Stored> => JSON.parse(await ask("/stored")) as Stored;
  const before = stored();
  const begun = Array.from({ length: clients }, () => Promise.withResolvers<void>());
  const finished = begun.map(async ({ resolve }) => {
    await before;
    for (let n = 0; !ended.signal.aborted; n += 1) {
      await round(n).catch((error: unknown) => {
        if (starvation.test(String(error))) starved += 1;
        else failures.push(String(error));
      });
      if (n === 2) resolve();
      await pause(2);
    }
  });
  return {
    steady: Promise.all(begun.map(({ promise }) => promise)),
    async stop() {
      ended.abort();
      await Promise.all(finished);
      const [first, last] = [await before, await stored()];
      const counted = last.counted - first.counted;
      const rows = last.rows - first.rows;
      // A new isolate counts from the beginning, and of what was cut off some was done.
      const isNew = starvedEnds() > starvedBefore;
      if (!isNew && counted !== acknowledged.counted)
        failures.push(`${acknowledged.counted} counted, ${counted} kept`);
      if (!isNew ? rows !== acknowledged.rows : rows < acknowledged.rows)
        failures.push(`${acknowledged.rows} rows stored, ${rows} there`);
      return { requests, failures, starved, slowestMs };
    },
  };
}

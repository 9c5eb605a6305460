// Agenda as its README sets it up, for bench/rows/jobs.ts. argv: connection as JSON, how many jobs.
import { PostgresBackend } from "@agendajs/postgres-backend";
import { Agenda } from "agenda";
import { Pool } from "pg";
import type { Connection } from "../../src/core/services/database/database.ts";
import { measure } from "./jobs-measure.ts";

const { host, port, user, database } = JSON.parse(process.argv[2] ?? "{}") as Connection;
const pool = new Pool({ host, port, user, database, max: 4 });
const agenda = new Agenda({
  backend: new PostgresBackend({
    pool,
    tableName: "bench_jobs",
    channelName: "bench_jobs",
  }),
  processEvery: 1000,
});
await agenda.ready;

await measure({
  async define(handler) {
    agenda.define("work", async () => handler(), { concurrency: 10, lockLimit: 100 });
  },
  enqueue: async (number) => void (await agenda.now("work", { number })),
  start: () => agenda.start(),
  async stop() {
    await agenda.stop();
    await pool.query("TRUNCATE bench_jobs");
    await pool.end();
  },
});

// The jobs service of xcore, for bench/rows/jobs.ts. argv: connection as JSON, how many jobs.
import { silentLogger } from "../../src/core/base/log.ts";
import type { DatabaseService } from "../../src/core/services/database/database.ts";
import { agendaJobs } from "../../src/core/services/jobs/agenda.ts";
import type { JobsService } from "../../src/core/services/jobs/jobs.ts";
import { openProvider } from "../../test/support/services.ts";
import { measure } from "./jobs-measure.ts";

const connection = JSON.parse(process.argv[2] ?? "{}") as DatabaseService["connection"];
const needs = { database: { connection } as DatabaseService };
const jobs = (await openProvider(agendaJobs, {
  needs,
  options: { maxWaiting: 1_000_000 },
  logger: silentLogger,
})) as JobsService;

await measure({
  async define(handler) {
    await jobs.bind("bench", { work: { concurrency: 10 } }, async () => {
      handler();
      return null;
    });
  },
  enqueue: async (number) => void (await jobs.enqueue("bench", "work", { number })),
  start: () => jobs.start(),
  async stop() {
    await jobs.drain(5000);
    await jobs.removePlugin?.("bench");
    await jobs[Symbol.asyncDispose]();
  },
});

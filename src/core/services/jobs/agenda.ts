// Background jobs on Agenda, in the database the server has anyway: the options of the provider.
import { Type, type Static } from "typebox";
import { durationPattern, parseDuration, parseSize, sizePattern } from "../../base/units.ts";
import type { DatabaseService } from "../database/database.ts";
import type { Provider } from "../service.ts";
import { AgendaJobs } from "./agenda-jobs.ts";
import { DatabaseClock } from "./database-clock.ts";
import { openJobsPool } from "./pool.ts";

const duration = (standard: string, least: string) =>
  Type.String({ pattern: durationPattern, default: standard, examples: [least] });

const options = Type.Object(
  {
    /** Jobs that may wait, for each plugin. */
    maxWaiting: Type.Integer({ minimum: 1, maximum: 10_000_000, default: 10_000 }),
    maxData: Type.String({ pattern: sizePattern, default: "64kb", examples: ["64kb"] }),
    /** How long history is kept. */
    keepDone: duration("1d", "1d"),
    keepFailed: duration("14d", "14d"),
    /** And at most this many of each job, done and failed ones counted apart. */
    keepCount: Type.Integer({ minimum: 0, maximum: 10_000_000, default: 10_000 }),
    /** After this long without a sign of life a job's process counts as gone, and the job runs again elsewhere. */
    lockLifetime: duration("30s", "30s"),
  },
  { additionalProperties: false },
);

export const agendaJobs: Provider<Static<typeof options>> = {
  driver: "agenda",
  options,
  needs: ["database"],
  async open({ options: written, needs, logger }) {
    const { connection } = needs["database"] as DatabaseService;
    const pool = await openJobsPool(connection, logger);
    const clock = new DatabaseClock();
    await clock.read(pool);
    return new AgendaJobs({
      pool,
      clock,
      logger,
      maxWaiting: written.maxWaiting,
      maxDataBytes: parseSize(written.maxData) ?? 65_536,
      keep: {
        doneMs: parseDuration(written.keepDone) ?? 86_400_000,
        failedMs: parseDuration(written.keepFailed) ?? 14 * 86_400_000,
        count: written.keepCount,
      },
      lockLifetimeMs: Math.max(parseDuration(written.lockLifetime) ?? 30_000, 1000),
    });
  },
};

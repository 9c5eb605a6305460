// What a plugin sees of jobs: enqueue and cancel runs of the jobs it defines itself.
import { XcoreError } from "../../base/error.ts";
import { suggestion } from "../../base/nearest.ts";
import type { CallTenant } from "../../base/tenant.ts";
import { Arguments } from "../arguments.ts";
import type { Facade, Reply } from "../service.ts";
import type { NewJob } from "./store.ts";

export interface FacadeSources {
  plugin: string;
  maxDataBytes: number;
  /** By the database's clock. */
  now: () => Date;
  /** Names of the jobs the plugin defines. */
  defined: () => readonly string[];
  add: (job: NewJob, tenant: CallTenant | undefined) => Promise<string>;
  cancel: (id: string, tenant: CallTenant | undefined) => Promise<boolean>;
  /** False when no such job runs. */
  progress: (
    id: string,
    told: { progress: number; note: string | undefined },
    tenant: CallTenant | undefined,
  ) => boolean;
}

const maxDelayMs = 366 * 86_400_000;
const isoTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function jobsFacade(sources: FacadeSources): Facade {
  const { plugin, maxDataBytes, now, defined, add, cancel, progress } = sources;
  return {
    calls: {
      "jobs.enqueue": async (args, { origin }) => {
        const fields = new Arguments("jobs.enqueue", args);
        const name = fields.text("name", 64);
        if (!defined().includes(name)) throw unknownJob(plugin, name, defined());
        const job: NewJob = {
          name: `${plugin}.${name}`,
          payload: fields.json("data", maxDataBytes).value,
          runAt: runTime(fields, now().getTime()),
          priority: fields.optionalInteger("priority", -100, 100) ?? 0,
          unique: fields.optionalText("unique", 200),
        };
        const id = await add(job, origin?.tenant);
        return { id } satisfies Reply<"jobs.enqueue">;
      },
      "jobs.cancel": async (args, { origin }) => {
        const id = new Arguments("jobs.cancel", args).text("id", 64);
        return {
          cancelled: uuid.test(id) && (await cancel(id, origin?.tenant)),
        } satisfies Reply<"jobs.cancel">;
      },
      "jobs.progress": async (args, { origin }) => {
        const fields = new Arguments("jobs.progress", args);
        const id = fields.text("id", 64);
        const told = { progress: fields.number("progress", 0, 1), note: fields.optionalText("note", 200) };
        if (progress(id, told, origin?.tenant)) return null satisfies Reply<"jobs.progress">;
        throw new XcoreError("CALL_CANCELLED", `plugin '${plugin}': the job ${id} does not run any more`);
      },
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

export function unknownJob(plugin: string, name: string, defined: readonly string[]): XcoreError {
  return new XcoreError(
    "JOB_NOT_FOUND",
    `plugin '${plugin}' defines no job '${name}'; ${suggestion(name, defined)}`,
    {
      hint: "Jobs are what the plugin lists under `jobs` in definePlugin.",
    },
  );
}

function runTime(fields: Arguments, now: number): Date {
  const delayMs = fields.optionalInteger("delayMs", 0, maxDelayMs);
  const at = fields.optionalText("at", 40);
  if (at === undefined) return new Date(now + (delayMs ?? 0));
  if (delayMs !== undefined) {
    throw new XcoreError("INPUT_INVALID", "jobs.enqueue: 'delayMs' and 'at' exclude each other");
  }
  const time = new Date(at);
  if (!isoTime.test(at) || Number.isNaN(time.getTime())) {
    throw new XcoreError("INPUT_INVALID", `jobs.enqueue: 'at' is no point in time: '${at}'`, {
      hint: "Write ISO 8601 with a zone: 2027-01-31T09:00:00Z",
    });
  }
  if (time.getTime() > now + maxDelayMs) {
    throw new XcoreError("INPUT_INVALID", `jobs.enqueue: 'at' is more than 366 days away: '${at}'`);
  }
  return time;
}

// The desk where people look at jobs, cancel, retry, pause and resume them.
import { XcoreError } from "../../base/error.ts";
import type { DeskStore } from "./desk-store.ts";
import { unknownJob } from "./facade.ts";
import type { JobDesk, JobDetail, JobSchedule } from "./jobs.ts";

export interface DeskSources {
  store: DeskStore;
  /** Names of the jobs a plugin defines at the moment. */
  defined(plugin: string): readonly string[];
  /** Tells the handler of a job that runs in this process. */
  abort(id: string): void;
  /** Looks for jobs of `plugin.job` now. */
  poke(name: string): void;
  /** Gives errors of the database their name. */
  reach<T>(work: Promise<T>): Promise<T>;
}

export function jobDesk({ store, defined, abort, poke, reach }: DeskSources): JobDesk {
  const known = async (plugin: string, name: string): Promise<string> => {
    const names = new Set([...defined(plugin), ...(await reach(store.namesOf(plugin)))]);
    if (!names.has(name)) throw unknownJob(plugin, name, [...names]);
    return `${plugin}.${name}`;
  };
  return {
    show: (id) => reach(store.find(id)),
    async cancel(id) {
      const job = await reach(store.find(id));
      const outcome = await reach(store.cancel(job.id, undefined));
      if (outcome === null) throw cannot("cancelled", await reach(store.find(job.id)));
      if (outcome === "running") abort(job.id);
      return reach(store.find(job.id));
    },
    async retry(id) {
      const job = await reach(store.find(id));
      if (!(await reach(store.retry(job.id)))) throw cannot("retried", await reach(store.find(job.id)));
      poke(`${job.plugin}.${job.name}`);
      return reach(store.find(job.id));
    },
    async pause(plugin, name) {
      await reach(store.pause(await known(plugin, name)));
    },
    async resume(plugin, name) {
      const full = await known(plugin, name);
      await reach(store.resume(full));
      poke(full);
    },
    schedules: (plugin): Promise<JobSchedule[]> => reach(store.schedules(plugin)),
  };
}

function cannot(what: "cancelled" | "retried", job: JobDetail): XcoreError {
  const name = `${job.plugin}.${job.name}`;
  const isSchedule = job.key === null;
  const hasTwin = what === "retried" && (job.state === "failed" || job.state === "cancelled");
  const why = hasTwin
    ? `another one of the unique key '${job.unique}' waits already`
    : isSchedule
      ? `it is the schedule of ${name}`
      : `its state is '${job.state}'`;
  const hints = {
    cancelled: isSchedule
      ? `To keep it from running: xcore job pause ${name}`
      : "Only what waits or runs can be cancelled.",
    retried: isSchedule || job.state === "done" ? `To run it once more: xcore job run ${name}` : undefined,
  };
  const hint = hints[what] ?? "Only what failed or was cancelled can be retried.";
  return new XcoreError("JOB_STATE", `job ${name} (${job.id}) can't be ${what}: ${why}`, { hint });
}

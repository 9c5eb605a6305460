// The job that delivers durable events: one of each plugin that handles events. No plugin can define, enqueue or name it.
export const eventJob = "@event";

/** Whose waiting jobs are counted together: a plugin's own, apart from the events that others keep for it. */
export function queueOf(plugin: string, job: string): string {
  return job === `${plugin}.${eventJob}` ? job : plugin;
}

/** The plugin whose events wait in this queue, if it is such a one. */
export function eventQueueOf(queue: string): string | undefined {
  return queue.endsWith(`.${eventJob}`) ? queue.slice(0, -eventJob.length - 1) : undefined;
}

// Enqueues and runs jobs that do nothing, and tells the parent how long that took.

/** How long each part took, in ms. */
export interface Measured {
  enqueueMs: number;
  runMs: number;
  cpuMs: number;
}

export interface Queue {
  define(handler: () => void): Promise<void>;
  enqueue(number: number): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const jobs = Number(process.argv[3]);
const callers = 8;

export async function measure(queue: Queue): Promise<void> {
  const all = Promise.withResolvers<void>();
  let done = 0;
  await queue.define(() => {
    done += 1;
    if (done === jobs) all.resolve();
  });
  const cpu = process.cpuUsage();
  const begun = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < jobs) await queue.enqueue((next += 1));
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const enqueued = performance.now();
  await queue.start();
  await all.promise;
  const runMs = performance.now() - enqueued;
  const { user, system } = process.cpuUsage(cpu);
  await queue.stop();
  if (done !== jobs) throw new Error(`${done} runs of ${jobs} jobs`);
  const measured: Measured = { enqueueMs: enqueued - begun, runMs, cpuMs: (user + system) / 1000 };
  // Agenda leaves a timer of five minutes behind each run.
  process.send?.(measured, () => process.exit(0));
}

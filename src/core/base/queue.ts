// Work that must not overlap: one thing at a time per key, keys in parallel.

/** Lines by their keys; a line is here as long as something is in it. */
export class SerialQueues {
  readonly #lines = new Map<string, { queue: SerialQueue; jobs: number }>();

  async run<T>(key: string, job: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? { queue: new SerialQueue(), jobs: 0 };
    this.#lines.set(key, line);
    line.jobs += 1;
    try {
      return await line.queue.run(job);
    } finally {
      line.jobs -= 1;
      if (line.jobs === 0) this.#lines.delete(key);
    }
  }
}

/** Runs jobs of one line in the order they came, one at a time; a failed job does not stop the line. */
export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(job, job);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

// Work that must not overlap: one thing at a time per key, keys in parallel.

/** Runs jobs of one line in the order they came, one at a time; a failed job does not stop the line. */
export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(job, job);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

// Answers that are waited for, each for a time and all together only as long as whoever gives them is trusted.

export class AwaitedAnswers {
  readonly #waiting = new Set<(error: Error) => void>();

  /**
   * Settles as `work` does, or rejects after `ms` or when all are given up. An answer that is there already counts, however late this
   * process comes to read it: timers run before what has arrived.
   */
  async within<T>(work: Promise<T>, ms: number): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const late = (): void => void setImmediate(() => reject(new Error(`no answer within ${ms} ms`)));
    const timer = setTimeout(late, ms);
    this.#waiting.add(reject);
    work.then(resolve, reject);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(reject);
    }
  }

  /** Nobody waits any longer: who gives no answer to one gives none to the others. */
  giveUp(reason: string): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const reject of waiting) reject(new Error(reason));
  }
}

// So many at once, the others in the order they came.

export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** The turn ends with the job, or when the job says so. */
  async run<T>(job: (end: () => void) => Promise<T>): Promise<T> {
    const end = await this.take();
    try {
      return await job(end);
    } finally {
      end();
    }
  }

  /** Resolves when it is one's turn; what it gives ends the turn and may be called again without effect. */
  async take(): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }
}

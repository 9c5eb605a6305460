// Work that goes a few at a time, so that the first is done early; one that takes long does not hold up the rest.

export interface LanesOptions {
  count: number;
  /** A lane is free again after this time, whether or not its work is done. */
  patienceMs: number;
}

export class Lanes {
  readonly #options: LanesOptions;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  /** In the order of the calls. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#options.count) this.#taken += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let free: (() => void) | undefined = () => {
      free = undefined;
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken -= 1;
      else next();
    };
    const late = setTimeout(() => free?.(), this.#options.patienceMs);
    try {
      return await work();
    } finally {
      clearTimeout(late);
      free?.();
    }
  }
}

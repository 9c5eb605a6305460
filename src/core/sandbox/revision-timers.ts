// Node's timers for a plugin in the core's process: those that are left end with its revision, and what they throw is told.
import { promisify } from "node:util";

type Callback = (...args: unknown[]) => void;

export class RevisionTimers {
  readonly globals;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #immediates = new Set<NodeJS.Immediate>();
  readonly #onUncaught: (error: unknown) => void;

  constructor(onUncaught: (error: unknown) => void) {
    this.#onUncaught = onUncaught;
    this.globals = {
      setTimeout: Object.assign(
        (callback: Callback, ms?: number, ...args: unknown[]): NodeJS.Timeout => {
          const timer = setTimeout(() => {
            this.#timers.delete(timer);
            this.#run(callback, args);
          }, ms);
          this.#timers.add(timer);
          return timer;
        },
        { [promisify.custom]: promisify(setTimeout) },
      ),
      setInterval: (callback: Callback, ms?: number, ...args: unknown[]): NodeJS.Timeout => {
        const timer = setInterval(() => this.#run(callback, args), ms);
        this.#timers.add(timer);
        return timer;
      },
      setImmediate: Object.assign(
        (callback: Callback, ...args: unknown[]): NodeJS.Immediate => {
          const immediate = setImmediate(() => {
            this.#immediates.delete(immediate);
            this.#run(callback, args);
          });
          this.#immediates.add(immediate);
          return immediate;
        },
        { [promisify.custom]: promisify(setImmediate) },
      ),
      clearTimeout: (timer?: NodeJS.Timeout): void => this.#clear(timer),
      clearInterval: (timer?: NodeJS.Timeout): void => this.#clear(timer),
      clearImmediate: (immediate?: NodeJS.Immediate): void => {
        clearImmediate(immediate);
        if (immediate !== undefined) this.#immediates.delete(immediate);
      },
    };
  }

  dispose(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const immediate of this.#immediates) clearImmediate(immediate);
    this.#timers.clear();
    this.#immediates.clear();
  }

  #clear(timer: NodeJS.Timeout | undefined): void {
    clearTimeout(timer);
    if (timer !== undefined) this.#timers.delete(timer);
  }

  #run(callback: Callback, args: readonly unknown[]): void {
    try {
      callback(...args);
    } catch (error) {
      this.#onUncaught(error);
    }
  }
}

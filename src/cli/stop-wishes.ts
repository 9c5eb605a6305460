// Everything that can ask a server to stop: Ctrl-C, SIGTERM, `xcore stop`. The first wish drains, a second one skips that.

export type StopWish = "SIGINT" | "SIGTERM" | "SIGHUP" | "request";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export class StopWishes implements Disposable {
  readonly first: Promise<StopWish>;
  readonly second: Promise<StopWish>;
  #resolve: ((wish: StopWish) => void)[];
  #listeners = signals.map((signal) => [signal, () => this.add(signal)] as const);

  constructor() {
    const [first, second] = [Promise.withResolvers<StopWish>(), Promise.withResolvers<StopWish>()];
    this.first = first.promise;
    this.second = second.promise;
    this.#resolve = [first.resolve, second.resolve];
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  /** A third signal ends the process where it stands. */
  add(wish: StopWish): void {
    const resolve = this.#resolve.shift();
    if (resolve !== undefined) resolve(wish);
    else if (wish !== "request") process.exit(exitCodeOf(wish));
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }
}

/** Who interrupts gets 130, as from a shell; being asked to end and doing so is success. */
export function exitCodeOf(wish: StopWish): number {
  return wish === "SIGINT" ? 130 : 0;
}

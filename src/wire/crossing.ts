// Strings that cross the isolate's edge lie outside of V8's heaps, so no heap grows and none is ever cleaned for their sake.
// Both sides therefore count what crosses and clean their young generation themselves.

/** UTF-16 units that may cross between two minor collections. */
const crossingBetween = 2 * 1024 * 1024;

export type Collect = (options: { type: "minor" }) => void;

export class Crossing {
  readonly #collect: Collect | undefined;
  #length = 0;

  /** `collect`: V8's own `gc`, where the process was started with it. */
  constructor(collect: Collect | undefined) {
    this.#collect = collect;
  }

  note(length: number): void {
    this.#length += length;
    if (this.#length < crossingBetween) return;
    this.#length = 0;
    this.#collect?.({ type: "minor" });
  }
}

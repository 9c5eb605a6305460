// Strings that cross the isolate's edge lie outside of V8's heaps, so no heap grows and none is ever cleaned for their sake.
// Both sides therefore count what crosses and collect by themselves.

/** UTF-16 units that may cross between two collections of the young generation. */
const crossingBetween = 2 * 1024 * 1024;
/** What was on its way while the young one was collected has grown old: every so many times the old one is collected, too. */
const minorsToMajor = 8;

export type Collect = (options: { type: "minor" | "major" }) => void;

export class Crossing {
  readonly #collect: Collect | undefined;
  #length = 0;
  #collections = 0;

  /** `collect`: V8's own `gc`, where the process was started with it. */
  constructor(collect: Collect | undefined) {
    this.#collect = collect;
  }

  note(length: number): void {
    this.#length += length;
    if (this.#length < crossingBetween) return;
    this.#length = 0;
    this.#collections += 1;
    this.#collect?.({ type: this.#collections % minorsToMajor === 0 ? "major" : "minor" });
  }
}

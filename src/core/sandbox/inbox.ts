// What one sandbox says, taken in record by record within its share of the core's thread: a flood waits for itself.
import { readCount } from "../../wire/records.ts";
import { coreBurstMs, coreDebtMs, coreShare, coreSliceMs, maxInboxLength } from "./bounds.ts";

export interface InboxOptions {
  /** Handles one record. Throws a `SyntaxError` on one that is none. */
  take(record: string): void;
  /** What came is no batch, or holds what is no record. */
  onBreach(message: string): void;
  /** So many UTF-16 units wait that the guest must be ended. */
  onOverflow(length: number): void;
}

// Taken whole before the time is looked at.
const smallLength = 2 * 1024;

export class Inbox {
  readonly #options: InboxOptions;
  readonly #batches: string[] = [];
  #length = 0;
  /** Into the first batch. */
  #at = 0;
  /** Time it may still use at once; refilled at its share. */
  #budgetMs = coreBurstMs;
  #countedAt = performance.now();
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  receive(batch: string): void {
    if (this.#closed) return;
    this.#batches.push(batch);
    this.#length += batch.length;
    if (this.#cancel === undefined) this.#work();
    else if (this.#length > maxInboxLength) this.#options.onOverflow(this.#length);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#batches.length = 0;
  }

  #work(): void {
    const started = performance.now();
    this.#budgetMs = Math.min(coreBurstMs, this.#budgetMs + (started - this.#countedAt) * coreShare);
    const until = started + Math.min(this.#budgetMs, coreSliceMs);
    try {
      while (this.#batches.length > 0 && !this.#closed && performance.now() < until) this.#takeSome();
    } catch (error) {
      this.#options.onBreach(error instanceof Error ? error.message : String(error));
    }
    const now = performance.now();
    this.#budgetMs = Math.max(this.#budgetMs - (now - started), -coreDebtMs);
    this.#countedAt = now;
    if (this.#batches.length > 0 && !this.#closed) this.#later();
  }

  /** Some records of the first batch, about as many as `smallLength` holds. */
  #takeSome(): void {
    const batch = this.#batches[0] ?? "";
    const stop = Math.min(batch.length, this.#at + smallLength);
    while (this.#at < stop && !this.#closed) {
      const colon = batch.indexOf(":", this.#at);
      const end = colon + 1 + readCount(batch, this.#at, colon);
      if (end > batch.length) throw new SyntaxError("malformed batch");
      this.#at = end;
      this.#options.take(batch.slice(colon + 1, end));
    }
    if (this.#at < batch.length) return;
    this.#batches.shift();
    this.#length -= batch.length;
    this.#at = 0;
  }

  #later(): void {
    const again = (): void => {
      this.#cancel = undefined;
      this.#work();
    };
    if (this.#budgetMs > 0) {
      const immediate = setImmediate(again);
      this.#cancel = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(again, (coreSliceMs - this.#budgetMs) / coreShare);
      this.#cancel = () => clearTimeout(timer);
    }
  }
}

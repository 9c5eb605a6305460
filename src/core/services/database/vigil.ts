// Ends what takes too long, or what nobody waits for any more. Most of it is over before it is looked at, and costs no timer.

export interface Watched {
  /** When its time is over, in performance.now() time. */
  readonly due: number;
  /** Whose call it is. The signal is asked for only when it lasts. */
  readonly context: { readonly signal: AbortSignal };
  /** May be called again as long as it is watched. */
  end(why: "overdue" | "cancelled"): void;
}

/** What is watched ends at most so much too late. */
const lookEveryMs = 20;

export class Vigil {
  /** With the way to no longer listen to its caller, once it has been looked at. */
  readonly #watched = new Map<Watched, (() => void) | undefined>();
  #looking = false;

  add(watched: Watched): void {
    this.#watched.set(watched, undefined);
    if (!this.#looking) this.#lookLater();
  }

  remove(watched: Watched): void {
    this.#watched.get(watched)?.();
    this.#watched.delete(watched);
  }

  #look(): void {
    const now = performance.now();
    for (const [watched, listening] of this.#watched) {
      if (watched.due <= now) watched.end("overdue");
      else if (listening === undefined) this.#listen(watched);
    }
    if (this.#watched.size === 0) this.#looking = false;
    else this.#lookLater();
  }

  #lookLater(): void {
    this.#looking = true;
    setTimeout(() => this.#look(), lookEveryMs);
  }

  #listen(watched: Watched): void {
    const { signal } = watched.context;
    const onAbort = (): void => watched.end("cancelled");
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener("abort", onAbort, { once: true });
    this.#watched.set(watched, () => signal.removeEventListener("abort", onAbort));
  }
}

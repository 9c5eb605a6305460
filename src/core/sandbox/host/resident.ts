// One isolate living in this host: enters it record by record, brings its outbox out, keeps its timer.
import { encodeBatch, recordEnds } from "../../../wire/records.ts";
import { encodeGuestMessage } from "../../../wire/messages.ts";
import { maxOutboxLength } from "../bounds.ts";
import type { Ending, OpenOrder, StatsLine } from "../frames.ts";
import { GuestIsolate, IsolateFault, type GuestRuntime } from "./isolate.ts";
import type { Progress } from "./progress.ts";

export interface ResidentEvents {
  onOutbox(batch: string): void;
  /** A timer of the guest has run, whether or not it had anything to say. */
  onWoken(): void;
  /** At most once; the isolate is already disposed of. */
  onEnded(ending: Ending): void;
  onCatastrophe(message: string): void;
}

// Records that together take less than this are handed in together.
const togetherMs = 20;
/** What a guest says after it was left is brought out by the next entry, or by one of its own after this time. */
const lateDrainMs = 10;

export class Resident {
  readonly #id: number;
  readonly #sliceMs: number;
  readonly #isolate: GuestIsolate;
  readonly #progress: Progress;
  readonly #events: ResidentEvents;
  #timer: NodeJS.Timeout | undefined;
  #timerDue = Number.POSITIVE_INFINITY;
  #late: NodeJS.Timeout | undefined;
  #leftAt = 0;
  /** What a record has lately taken at the most; the first ones go in one by one. */
  #recordMs = togetherMs;
  #ended = false;

  constructor(id: number, order: OpenOrder, progress: Progress, events: ResidentEvents) {
    this.#id = id;
    this.#sliceMs = order.sliceMs;
    this.#progress = progress;
    this.#events = events;
    this.#isolate = new GuestIsolate({ memoryMb: order.memoryMb, onCatastrophe: events.onCatastrophe });
  }

  /** Runs the runtime, takes the boot record in and runs the plugin's top level. A plugin that throws answers as call 0 would. */
  boot(order: OpenOrder, runtime: GuestRuntime): void {
    this.#stretch(() => {
      this.#isolate.installRuntime(runtime, order.bootMs);
      // The seed goes in first: a plugin's top level may already ask for random bytes. The record is answered once it has run.
      this.#receive(order.boot, order.bootMs);
      try {
        this.#isolate.runPlugin(order.code, `plugin:///${order.label}/index.js`, order.bootMs);
      } catch (error) {
        if (!(error instanceof IsolateFault) || error.ending.kind !== "fault") throw error;
        this.#events.onOutbox(encodeBatch([loadError(error)]));
        this.dispose();
        return;
      }
      this.#receive("", order.bootMs);
    });
  }

  /**
   * Hands a batch in. Records that are known to be quick go in together; otherwise each has the time of one stretch for itself,
   * so that no batch is stopped for its sum.
   */
  deliver(batch: string): void {
    this.#stretch(() => {
      const ends = recordEnds(batch);
      const started = performance.now();
      if (ends.length === 1 || ends.length * this.#recordMs < togetherMs) this.#receive(batch, this.#sliceMs);
      else this.#receiveEach(batch, ends);
      const recordMs = (performance.now() - started) / ends.length;
      this.#recordMs = Math.max(recordMs, this.#recordMs * 0.95);
    });
  }

  /** Lets the guest run what is due. */
  wake(): void {
    this.#stretch(() => this.#receive("", this.#sliceMs));
  }

  stats(): StatsLine {
    const heap = this.#isolate.heap();
    return [this.#id, heap.usedBytes, heap.totalBytes, this.#isolate.cpuMs];
  }

  dispose(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#late);
    this.#isolate.dispose();
  }

  #stretch(work: () => void): void {
    if (this.#ended) return;
    this.#progress.enter(this.#id);
    try {
      work();
    } catch (error) {
      this.#end(
        error instanceof IsolateFault ? error.ending : { kind: "fault", message: String(error), observed: 0 },
      );
    } finally {
      this.#progress.leave();
    }
  }

  #receiveEach(batch: string, ends: readonly number[]): void {
    let at = 0;
    for (const end of ends) {
      if (this.#ended) return;
      if (at > 0) this.#progress.enter(this.#id);
      this.#receive(batch.slice(at, end), this.#sliceMs);
      at = end;
    }
  }

  // The runtime catches whatever handlers throw. What still comes out is a promise that was rejected and never awaited:
  // V8 tells it to whoever entered the isolate last. It is the plugin's fault, but no call's, and nothing is lost with it.
  #receive(batch: string, timeoutMs: number): void {
    let said: string;
    try {
      said = this.#isolate.receive(batch, timeoutMs);
    } catch (error) {
      if (!(error instanceof IsolateFault) || error.ending.kind !== "fault") throw error;
      this.#events.onOutbox(encodeBatch([strayRejection(error)]));
      said = this.#isolate.drain(timeoutMs, { again: true });
    }
    if (this.#take(said) === "more") this.#take(this.#isolate.drain(timeoutMs));
    else this.#drainLater();
  }

  // Calls are all answered, but what a handler left running without awaiting it may still say something.
  #drainLater(): void {
    this.#leftAt = performance.now();
    if (this.#ended || this.#late !== undefined) return;
    const drain = (): void => {
      const waitMs = this.#leftAt + lateDrainMs - performance.now();
      this.#late = waitMs > 1 ? setTimeout(drain, waitMs) : undefined;
      if (this.#late === undefined) this.#stretch(() => void this.#take(this.#isolate.drain(this.#sliceMs)));
    };
    this.#late = setTimeout(drain, lateDrainMs);
  }

  /** Passes on what the guest said and sets its timer. */
  #take(said: string): "more" | "all" {
    const split = said.indexOf(";");
    const head = /^(-|\d{1,12})(\+?)$/.exec(said.slice(0, split));
    if (head === null) {
      this.#end({ kind: "fault", message: "the guest runtime broke its contract", observed: 0 });
      return "all";
    }
    if (said.length > maxOutboxLength) {
      this.#end({ kind: "output", message: "the guest said too much at once", observed: said.length });
      return "all";
    }
    if (said.length > split + 1) this.#events.onOutbox(said.slice(split + 1));
    if (head[1] !== "-") this.#wakeIn(Number(head[1]));
    return head[2] === "+" ? "more" : "all";
  }

  // An earlier timer only asks too early, which costs nothing; so it is armed anew only for an earlier time.
  #wakeIn(ms: number): void {
    const delayMs = Math.min(ms, 2 ** 31 - 1);
    const due = performance.now() + delayMs;
    if (due >= this.#timerDue - 0.5) return;
    clearTimeout(this.#timer);
    this.#timerDue = due;
    this.#timer = setTimeout(() => {
      this.#timerDue = Number.POSITIVE_INFINITY;
      this.wake();
      this.#events.onWoken();
    }, delayMs);
  }

  #end(ending: Ending): void {
    if (this.#ended) return;
    this.dispose();
    this.#events.onEnded(ending);
  }
}

export function strayRejection(fault: IsolateFault): string {
  const json = JSON.stringify({
    message: `unhandled rejection: ${fault.ending.message}`,
    fields: fault.guestStack === undefined ? {} : { stack: fault.guestStack },
  });
  return encodeGuestMessage({ kind: "log", level: "error", call: 0, json });
}

export function loadError(fault: IsolateFault): string {
  const json = JSON.stringify({
    name: "Error",
    message: fault.ending.message,
    ...(fault.guestStack === undefined ? {} : { stack: fault.guestStack }),
  });
  return encodeGuestMessage({ kind: "error", id: 0, json });
}

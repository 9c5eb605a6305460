// One isolate living in this host: enters it record by record, brings its outbox out, keeps its timer.
import { encodeBatch, recordEnds } from "../../../wire/records.ts";
import { encodeGuestMessage } from "../../../wire/messages.ts";
import { maxOutboxLength } from "../bounds.ts";
import type { Ending, OpenOrder, StatsLine } from "../frames.ts";
import { GuestIsolate, IsolateFault } from "./isolate.ts";
import type { Progress } from "./progress.ts";

export interface ResidentEvents {
  onOutbox(batch: string): void;
  /** At most once; the isolate is already disposed of. */
  onEnded(ending: Ending): void;
  onCatastrophe(message: string): void;
}

// A batch that takes longer than this is brought out in parts, so that quick answers don't wait for slow ones.
const promptMs = 8;

export class Resident {
  readonly #id: number;
  readonly #sliceMs: number;
  readonly #isolate: GuestIsolate;
  readonly #progress: Progress;
  readonly #events: ResidentEvents;
  #timer: NodeJS.Timeout | undefined;
  #timerDue = Number.POSITIVE_INFINITY;
  #ended = false;

  constructor(id: number, order: OpenOrder, progress: Progress, events: ResidentEvents) {
    this.#id = id;
    this.#sliceMs = order.sliceMs;
    this.#progress = progress;
    this.#events = events;
    this.#isolate = new GuestIsolate({ memoryMb: order.memoryMb, onCatastrophe: events.onCatastrophe });
  }

  /** Runs the runtime, takes the boot record in and runs the plugin's top level. A plugin that throws answers as call 0 would. */
  boot(order: OpenOrder, runtime: string): void {
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
      this.#drain(order.bootMs);
    });
  }

  /** Hands the records in one by one: each has the time of one stretch for itself. */
  deliver(batch: string): void {
    this.#stretch(() => {
      let at = 0;
      let since = performance.now();
      for (const end of recordEnds(batch)) {
        this.#receive(at === 0 && end === batch.length ? batch : batch.slice(at, end), this.#sliceMs);
        at = end;
        const now = performance.now();
        if (now - since < promptMs || at === batch.length) continue;
        since = now;
        this.#drain(this.#sliceMs);
        this.#progress.enter(this.#id);
      }
      this.#drain(this.#sliceMs);
    });
  }

  /** Lets the guest run what is due. */
  wake(): void {
    this.#stretch(() => {
      this.#receive("", this.#sliceMs);
      this.#drain(this.#sliceMs);
    });
  }

  stats(): StatsLine {
    const heap = this.#isolate.heap();
    return [this.#id, heap.usedBytes, heap.totalBytes, this.#isolate.cpuMs];
  }

  dispose(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
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

  // The runtime catches whatever handlers throw. What still comes out is a promise that was rejected and never awaited:
  // V8 tells it to whoever entered the isolate last. It is the plugin's fault, but no call's, and nothing is lost with it.
  #receive(batch: string, timeoutMs: number): void {
    try {
      this.#isolate.receive(batch, timeoutMs);
    } catch (error) {
      if (!(error instanceof IsolateFault) || error.ending.kind !== "fault") throw error;
      this.#events.onOutbox(encodeBatch([strayRejection(error)]));
    }
  }

  #drain(timeoutMs: number): void {
    const said = this.#isolate.drain(timeoutMs);
    const split = said.indexOf(";");
    const wake = said.slice(0, split);
    if (split === -1 || !/^(-|\d{1,12})$/.test(wake)) {
      this.#end({ kind: "fault", message: "the guest runtime broke its contract", observed: 0 });
      return;
    }
    if (said.length > maxOutboxLength) {
      this.#end({ kind: "output", message: "the guest said too much at once", observed: said.length });
      return;
    }
    if (said.length > split + 1) this.#events.onOutbox(said.slice(split + 1));
    if (wake !== "-") this.#wakeIn(Number(wake));
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
    }, delayMs);
  }

  #end(ending: Ending): void {
    if (this.#ended) return;
    this.dispose();
    this.#events.onEnded(ending);
  }
}

function strayRejection(fault: IsolateFault): string {
  const json = JSON.stringify({
    message: `unhandled rejection: ${fault.ending.message}`,
    fields: fault.guestStack === undefined ? {} : { stack: fault.guestStack },
  });
  return encodeGuestMessage({ kind: "log", level: "error", json });
}

function loadError(fault: IsolateFault): string {
  const json = JSON.stringify({
    name: "Error",
    message: fault.ending.message,
    ...(fault.guestStack === undefined ? {} : { stack: fault.guestStack }),
  });
  return encodeGuestMessage({ kind: "error", id: 0, json });
}

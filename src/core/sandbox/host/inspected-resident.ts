// An isolate that a debugger may stop: it works on a thread of its own, so that this one can pass the debugger's words on meanwhile.
import { encodeBatch } from "../../../wire/records.ts";
import type { OpenOrder, StatsLine } from "../frames.ts";
import { GuestIsolate, IsolateFault, type GuestRuntime, type InspectorSession } from "./isolate.ts";
import type { Progress } from "./progress.ts";
import { loadError, strayRejection, type ResidentEvents } from "./resident.ts";

export interface InspectedResidentEvents extends ResidentEvents {
  /** A message of the Chrome DevTools Protocol. */
  onInspected(message: string): void;
}

// Timers of the guest and what it says late are looked for this often. The wait also keeps the event loop turning, without which
// isolated-vm does not hear from its threads.
const lookEveryMs = 10;
const measureEveryMs = 250;

export class InspectedResident {
  readonly #id: number;
  readonly #sliceMs: number;
  readonly #isolate: GuestIsolate;
  readonly #progress: Progress;
  readonly #events: InspectedResidentEvents;
  readonly #look: NodeJS.Timeout;
  readonly #waiting: string[] = [];
  #session: InspectorSession | undefined;
  #heap = { usedBytes: 0, totalBytes: 0 };
  #measuredAt = 0;
  #working = false;
  #ended = false;

  constructor(id: number, order: OpenOrder, progress: Progress, events: InspectedResidentEvents) {
    this.#id = id;
    this.#sliceMs = order.sliceMs;
    this.#progress = progress;
    this.#events = events;
    this.#isolate = new GuestIsolate({
      memoryMb: order.memoryMb,
      onCatastrophe: events.onCatastrophe,
      inspector: true,
    });
    this.#look = setInterval(() => this.wake(), lookEveryMs);
  }

  /** Runs the runtime, takes the boot record in and runs the plugin's top level; no debugger can be there yet. */
  boot(order: OpenOrder, runtime: GuestRuntime): void {
    this.#session = this.#isolate.openInspector((message) => this.#events.onInspected(message));
    try {
      this.#isolate.installRuntime(runtime, order.bootMs);
      this.#take(this.#isolate.receive(order.boot, order.bootMs));
      this.#isolate.runPlugin(order.code, `plugin:///${order.label}/index.js`, order.bootMs);
      this.#take(this.#isolate.receive("", order.bootMs));
    } catch (error) {
      if (!(error instanceof IsolateFault)) throw error;
      if (error.ending.kind === "fault") this.#events.onOutbox(encodeBatch([loadError(error)]));
      this.#end(error);
    }
  }

  deliver(batch: string): void {
    this.#waiting.push(batch);
    void this.#work();
  }

  /** Lets the guest run what is due, unless it is at work or stopped. */
  wake(): void {
    if (!this.#working && !this.#ended) this.deliver("");
  }

  /** Of the heap what was last known: asking it now could mean waiting for whoever looks at a breakpoint. */
  stats(): StatsLine {
    return [this.#id, this.#heap.usedBytes, this.#heap.totalBytes, this.#isolate.cpuMs];
  }

  /** A message of the debugger; an empty one: it has gone, and what it had stopped goes on. No other comes to this isolate. */
  inspect(message: string): void {
    if (this.#ended) return;
    if (message !== "") this.#session?.send(message);
    else this.#session?.dispose();
  }

  dispose(): void {
    this.#ended = true;
    clearInterval(this.#look);
    this.#isolate.dispose();
  }

  async #work(): Promise<void> {
    if (this.#working || this.#ended) return;
    this.#working = true;
    try {
      for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
        await this.#receive(batch);
        if (this.#isOver()) return;
      }
      await this.#measure();
    } catch (error) {
      if (!this.#isOver()) this.#end(error);
    } finally {
      this.#working = false;
    }
  }

  async #receive(batch: string): Promise<void> {
    this.#progress.enter(this.#id);
    try {
      let said: string;
      try {
        said = await this.#isolate.receiveAside(batch, this.#sliceMs);
      } catch (error) {
        if (this.#isOver() || !(error instanceof IsolateFault) || error.ending.kind !== "fault") throw error;
        this.#events.onOutbox(encodeBatch([strayRejection(error)]));
        said = await this.#isolate.drainAside(this.#sliceMs, { again: true });
      }
      if (this.#isOver()) return;
      this.#take(said);
      this.#take(await this.#isolate.drainAside(this.#sliceMs, { again: false }));
    } finally {
      this.#progress.leave();
    }
  }

  async #measure(): Promise<void> {
    if (performance.now() - this.#measuredAt < measureEveryMs) return;
    this.#measuredAt = performance.now();
    this.#heap = await this.#isolate.heapAside();
    if (!this.#isOver()) this.#events.onWoken();
  }

  #isOver(): boolean {
    return this.#ended;
  }

  #take(said: string): void {
    const batch = said.slice(said.indexOf(";") + 1);
    if (batch !== "" && !this.#ended) this.#events.onOutbox(batch);
  }

  #end(error: unknown): void {
    if (this.#ended) return;
    this.dispose();
    this.#events.onEnded(
      error instanceof IsolateFault ? error.ending : { kind: "fault", message: String(error), observed: 0 },
    );
  }
}

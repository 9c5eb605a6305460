// The only file that knows isolated-vm: one isolate with one context, strings in and out, every entry under a timeout.
import { createRequire } from "node:module";
import type ivm from "isolated-vm";
import { Crossing, type Collect } from "../../../wire/crossing.ts";
import type { Ending } from "../frames.ts";
import { Stopwatch } from "./stopwatch.ts";

// From the folder the core names: looking it up would take reading more of the disk than this process may.
const { Callback, ExternalCopy, Isolate } = createRequire(import.meta.url)(
  process.argv[2] ?? "isolated-vm",
) as typeof ivm;

export interface IsolateOptions {
  memoryMb: number;
  /** Whether a debugger may be connected. Default false. */
  inspector?: boolean;
  /** Called when V8 has lost control over the isolate: end the process. */
  onCatastrophe(message: string): void;
}

export interface InspectorSession {
  send(message: string): void;
  /** What it had stopped goes on. An isolate does not survive a second session. */
  dispose(): void;
}

/** Why an isolate can't be used any more. */
export class IsolateFault extends Error {
  override readonly name = "IsolateFault";
  readonly ending: Ending;
  /** The guest's stack, when the fault was an error that guest code threw. */
  readonly guestStack: string | undefined;

  constructor(ending: Ending, guestStack: string | undefined) {
    super(ending.message);
    this.ending = ending;
    this.guestStack = guestStack;
  }
}

/**
 * What an isolate that has lived leaves to the collector (its code, references to it), in units of what crosses: with this weight a
 * host that is reloaded again and again collects its old generation every 32 times.
 */
const remainsLength = 512 * 1024;

const crossing = new Crossing((globalThis as { gc?: Collect }).gc);

type Entry = ivm.Reference<(...args: string[]) => string>;

/** The guest runtime as all isolates of a host use it. */
export class GuestRuntime {
  readonly code: string;
  /** What V8 made of the script when it was first compiled. */
  cached: ivm.ExternalCopy<ArrayBuffer> | undefined;
  readonly #names: readonly string[];
  readonly #texts: readonly ivm.ExternalCopy<string>[];

  constructor(code: string, parts: Readonly<Record<string, string>>) {
    this.code = code;
    this.#names = Object.keys(parts);
    this.#texts = Object.values(parts).map((text) => new ExternalCopy(text));
  }

  /** Leaves the parts where the script takes them from. The texts are in memory once, however many isolates hold them. */
  lendParts(context: ivm.Context): void {
    const members = this.#names.map((name, index) => `${JSON.stringify(name)}: $${index}`);
    context.evalClosureSync(
      `globalThis.__xcore_parts = { ${members.join(", ")} };`,
      this.#texts.map((text) => text.copyInto()),
    );
  }
}

export class GuestIsolate {
  readonly #isolate: ivm.Isolate;
  readonly #context: ivm.Context;
  #receive: Entry | undefined;
  #drain: Entry | undefined;
  #disposed = false;
  #lastTotalBytes = 0;

  constructor(options: IsolateOptions) {
    const { inspector = false } = options;
    this.#isolate = new Isolate({
      memoryLimit: options.memoryMb,
      inspector,
      onCatastrophicError: options.onCatastrophe,
    });
    this.#context = this.#isolate.createContextSync({ inspector });
  }

  /** Runs the guest runtime and takes its two entries away from the global object. */
  installRuntime(runtime: GuestRuntime, timeoutMs: number): void {
    this.#enter(timeoutMs, () => {
      const { code, cached } = runtime;
      runtime.lendParts(this.#context);
      const filename = "xcore:///runtime.js";
      const script = this.#isolate.compileScriptSync(
        code,
        cached === undefined ? { filename, produceCachedData: true } : { filename, cachedData: cached },
      );
      const produced = (script as { cachedData?: ivm.ExternalCopy<ArrayBuffer> }).cachedData;
      runtime.cached ??= produced;
      script.runSync(this.#context, { timeout: timeoutMs, release: true });
      const entries = this.#context.global.getSync("__xcore_runtime", { reference: true });
      this.#receive = entries.getSync("receive", { reference: true });
      this.#drain = entries.getSync("drain", { reference: true });
      entries.release();
      this.#context.global.deleteSync("__xcore_runtime");
    });
  }

  runPlugin(code: string, filename: string, timeoutMs: number): void {
    this.#enter(timeoutMs, () => {
      const script = this.#isolate.compileScriptSync(code, { filename });
      script.runSync(this.#context, { timeout: timeoutMs, release: true });
    });
  }

  /**
   * Hands one batch in. Gives what the guest has to say so far: `<ms to its next timer or ->[+];<batch>`, with `+` when
   * there may be more to drain.
   */
  receive(batch: string, timeoutMs: number): string {
    return this.#call(this.#receive, [batch], timeoutMs);
  }

  /** What the guest has to say since. `again`: also what the last `receive` would have given, had it not thrown. */
  drain(timeoutMs: number, options: { again: boolean } = { again: false }): string {
    return this.#call(this.#drain, options.again ? ["again"] : [], timeoutMs);
  }

  #call(entry: Entry | undefined, args: string[], timeoutMs: number): string {
    const clock = new Stopwatch();
    try {
      const said: unknown = entry?.applySync(undefined, args, { timeout: clock.timeoutOf(timeoutMs) });
      const text = typeof said === "string" ? said : "";
      crossing.note(text.length + (args[0]?.length ?? 0));
      return text;
    } catch (error) {
      throw this.#fault(error, clock, timeoutMs);
    }
  }

  /** The same as `receive`, on another thread: this one may serve a debugger meanwhile. */
  receiveAside(batch: string, timeoutMs: number): Promise<string> {
    return this.#callAside(this.#receive, [batch], timeoutMs);
  }

  drainAside(timeoutMs: number, options: { again: boolean }): Promise<string> {
    return this.#callAside(this.#drain, options.again ? ["again"] : [], timeoutMs);
  }

  async #callAside(entry: Entry | undefined, args: string[], timeoutMs: number): Promise<string> {
    const clock = new Stopwatch();
    try {
      const said: unknown = await entry?.apply(undefined, args, { timeout: timeoutMs });
      return typeof said === "string" ? said : "";
    } catch (error) {
      throw this.#fault(error, clock, timeoutMs);
    }
  }

  /** Connects a debugger. The isolate must be at rest. `onMessage` hears messages of the Chrome DevTools Protocol. */
  openInspector(onMessage: (message: string) => void): InspectorSession {
    let session: ivm.InspectorSession | undefined;
    // V8 wants the isolate to be entered by the thread that connects; from within a call out of it, it is.
    const connect = new Callback(() => {
      session = this.#isolate.createInspectorSession();
    });
    this.#context.evalClosureSync("$0()", [connect]);
    if (session === undefined) throw new Error("no inspector session was made");
    const made: ivm.InspectorSession = session;
    made.onResponse = (_id, message) => onMessage(message);
    made.onNotification = onMessage;
    let disposed = false;
    return {
      send: (message) => {
        if (!disposed) made.dispatchProtocolMessage(message);
      },
      dispose: () => {
        if (disposed) return;
        disposed = true;
        made.dispose();
      },
    };
  }

  heap(): { usedBytes: number; totalBytes: number } {
    if (this.#isolate.isDisposed) return { usedBytes: 0, totalBytes: 0 };
    return this.#heapOf(this.#isolate.getHeapStatisticsSync());
  }

  /** Asked on the isolate's own thread. */
  async heapAside(): Promise<{ usedBytes: number; totalBytes: number }> {
    return this.#heapOf(await this.#isolate.getHeapStatistics());
  }

  #heapOf(heap: ivm.HeapStatistics): { usedBytes: number; totalBytes: number } {
    const external = heap.externally_allocated_size;
    this.#lastTotalBytes = heap.total_heap_size + heap.malloced_memory + external;
    return { usedBytes: heap.used_heap_size + external, totalBytes: this.#lastTotalBytes };
  }

  get cpuMs(): number {
    return this.#isolate.isDisposed ? 0 : Number(this.#isolate.cpuTime / 1000n) / 1000;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (!this.#isolate.isDisposed) this.#isolate.dispose();
    crossing.note(remainsLength);
  }

  #enter(timeoutMs: number, work: () => void): void {
    const clock = new Stopwatch();
    try {
      work();
    } catch (error) {
      throw this.#fault(error, clock, timeoutMs);
    }
  }

  // Judged by what this side knows, never by the class or text of an error: guest code can throw any.
  #fault(error: unknown, clock: Stopwatch, timeoutMs: number): IsolateFault {
    const elapsedMs = clock.elapsedMs();
    if (this.#isolate.isDisposed && !this.#disposed) {
      const message = "the isolate's heap reached its limit";
      return new IsolateFault({ kind: "memory", message, observed: this.#lastTotalBytes }, undefined);
    }
    if (elapsedMs >= timeoutMs) {
      const message = "one synchronous stretch did not end";
      const observed = Math.round(elapsedMs);
      return new IsolateFault({ kind: "cpu", message, observed, cpuMs: clock.cpuMs() }, undefined);
    }
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const stack = error instanceof Error ? error.stack : undefined;
    return new IsolateFault(
      { kind: "fault", message: text.slice(0, 4000), observed: 0 },
      stack?.slice(0, 16_000),
    );
  }
}

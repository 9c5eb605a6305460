// One trusted plugin in the core's own process: the same runtime, spoken to in the same records, without a wall around it.
import { createRequire, isBuiltin } from "node:module";
import { dirname } from "node:path";
import { compileFunction } from "node:vm";
import { encodeGuestMessage } from "../../wire/messages.ts";
import { encodeBatch } from "../../wire/records.ts";
import { messageOf, XcoreError } from "../base/error.ts";
import type { OpenOrder } from "./frames.ts";
import { RevisionTimers } from "./revision-timers.ts";

interface GuestRuntime {
  receive(batch: string): string;
  drain(): string;
  /** Calls it whenever there is something to drain. */
  listen(listener: () => void): void;
}

export interface TrustedResidentOptions {
  /** The script of dist/guest-trusted.js. */
  runtime: string;
  /** The plugin's entry, absolute: its `__filename`. */
  entry: string;
  onOutbox(batch: string): void;
  /** A timer of the plugin threw. */
  onUncaught(error: unknown): void;
}

/** What of the runtime's globals stands in place of Node's own: it belongs to the plugin's calls, permissions and log. */
const own = [
  "AbortController",
  "AbortSignal",
  "Blob",
  "CloseEvent",
  "DOMException",
  "Event",
  "EventTarget",
  "File",
  "FormData",
  "Headers",
  "MessageEvent",
  "Request",
  "Response",
  "WebSocketPair",
  "console",
  "fetch",
  "reportError",
] as const;

export class TrustedResident {
  readonly #options: TrustedResidentOptions;
  readonly #globals: Record<string, unknown>;
  readonly #runtime: GuestRuntime;
  readonly #timers: RevisionTimers;
  #records: string[] = [];
  #length = 0;
  #entering = false;
  #draining = false;
  #ended = false;

  constructor(options: TrustedResidentOptions) {
    this.#options = options;
    this.#timers = new RevisionTimers((error) => options.onUncaught(error));
    const globals = Object.create(globalThis) as Record<string, unknown>;
    const install = compileFunction(options.runtime, ["__xcore_global"], {
      filename: "xcore:///trusted.js",
    }) as (globals: object) => void;
    install(globals);
    this.#globals = globals;
    this.#runtime = globals["__xcore_runtime"] as GuestRuntime;
    this.#runtime.listen(() => this.#drainSoon());
  }

  /** UTF-16 units of records that it has not taken in yet. */
  get queued(): number {
    return this.#length;
  }

  /** Runs the plugin's top level. What it throws answers as call 0 would. */
  boot({ boot, code, label }: OpenOrder): void {
    this.#enter(boot);
    try {
      this.#globals["__xcore_plugin"] = this.#run(code, label);
    } catch (error) {
      const json = JSON.stringify({
        name: "Error",
        message: messageOf(error),
        ...(error instanceof Error ? { stack: error.stack } : {}),
      });
      this.#options.onOutbox(encodeBatch([encodeGuestMessage({ kind: "error", id: 0, json })]));
      return;
    }
    this.#enter("");
  }

  send(record: string): void {
    this.#records.push(record);
    this.#length += record.length;
    if (this.#entering || this.#ended) return;
    this.#entering = true;
    queueMicrotask(() => {
      this.#entering = false;
      const batch = encodeBatch(this.#records);
      this.#records = [];
      this.#length = 0;
      this.#enter(batch);
    });
  }

  /** Nothing of it is entered any more, and its timers stop. What it opened by itself stays open. */
  dispose(): void {
    this.#ended = true;
    this.#timers.dispose();
  }

  #run(code: string, label: string): unknown {
    const { entry } = this.#options;
    const given: Record<string, unknown> = {
      ...Object.fromEntries(own.map((name) => [name, this.#globals[name]])),
      ...this.#timers.globals,
      require: builtinsOnly(entry),
      __filename: entry,
      __dirname: dirname(entry),
    };
    const run = compileFunction(`${code}\nreturn __xcore_plugin;`, Object.keys(given), {
      filename: `plugin:///${label}/index.js`,
    }) as (...values: unknown[]) => unknown;
    return run(...Object.values(given));
  }

  #enter(batch: string): void {
    if (!this.#ended) this.#take(this.#runtime.receive(batch));
  }

  #drainSoon(): void {
    if (this.#draining) return;
    this.#draining = true;
    queueMicrotask(() => {
      this.#draining = false;
      if (!this.#ended) this.#take(this.#runtime.drain());
    });
  }

  /** `<milliseconds until it wants to be entered again, or ->[+];<batch>`: see the guest's runtime. */
  #take(said: string): void {
    const split = said.indexOf(";");
    if (said.length > split + 1) this.#options.onOutbox(said.slice(split + 1));
    const ms = Number.parseInt(said.slice(0, split), 10);
    if (!Number.isNaN(ms)) this.#timers.globals.setTimeout(() => this.#enter(""), ms);
  }
}

// Everything else is in the bundle: what was not there when its digest was taken does not run.
function builtinsOnly(entry: string): (id: string) => unknown {
  const require = createRequire(entry);
  return (id) => {
    if (isBuiltin(id)) return require(id);
    throw new XcoreError("PLUGIN_IMPORT", `'${id}' is not part of the plugin's bundle`, {
      hint: "Import it by its name in the code, so that its digest covers it; only Node's own modules are there at run time.",
    });
  };
}

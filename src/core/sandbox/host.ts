// One sandbox host from the core's side: the process, its line, its watchdog and the sandboxes in it.
import { protocolVersion } from "../../wire/protocol.ts";
import { withDeadline } from "../base/deadline.ts";
import { XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { hostStartMs } from "./bounds.ts";
import {
  bystanderReason,
  cpuReason,
  crashReason,
  endingReason,
  hostStartReason,
  memoryReason,
} from "./end-reasons.ts";
import { frameKinds, type Ending, type Frame, type Hello, type Ready } from "./frames.ts";
import { HostProcess, type HostExit } from "./host-process.ts";
import { LifeSign } from "./life-sign.ts";
import { openOrder } from "./open-order.ts";
import { Outgoing } from "./outgoing.ts";
import { RemoteSandbox } from "./remote-sandbox.ts";
import { Roster, type HeapFigures, type Entry } from "./roster.ts";
import type { SandboxOptions } from "./sandbox.ts";
import { Watchdog } from "./watchdog.ts";

export interface HostOptions {
  logger: Logger;
  /** The guest runtime's script and its parts. */
  runtime: Pick<Hello, "runtime" | "parts">;
  /** Called once, when nothing can be opened in it any more. */
  onGone(host: Host): void;
}

export class Host {
  readonly ready: Promise<void>;
  readonly #options: HostOptions;
  readonly #process: HostProcess;
  readonly #outgoing: Outgoing;
  readonly #lifeSign: LifeSign;
  readonly #roster = new Roster();
  readonly #becameReady = Promise.withResolvers<void>();
  /** Settled once the process is gone and it is known what it had begun with. */
  readonly #settled = Promise.withResolvers<void>();
  #watchdog: Watchdog | undefined;
  #nextId = 1;
  #reservations = 0;
  #gone = false;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#process = new HostProcess();
    this.#outgoing = new Outgoing(this.#process.socket, {
      onFrame: (frame) => this.#onFrame(frame),
      onClose: (fault) => this.#onClose(fault),
    });
    this.#lifeSign = new LifeSign({
      ask: (id) => this.#outgoing.send(frameKinds.ping, id, ""),
      longestMs: () => this.#roster.longestSliceMs,
      onSilence: (id, elapsedMs) => this.#onSilence(id, elapsedMs),
    });
    const hello: Hello = { protocol: protocolVersion, ...options.runtime };
    this.#outgoing.send(frameKinds.hello, 0, JSON.stringify(hello));
    void this.#process.exited.then((exit) => this.#onExit(exit));
    this.ready = withDeadline(this.#becameReady.promise, {
      ms: hostStartMs,
      code: "PART_MISSING",
      message: `a sandbox host did not start within ${hostStartMs / 1000} s`,
      hint: "The machine may be overloaded; try again.",
    });
    this.ready.catch(() => this.close());
  }

  get pid(): number {
    return this.#process.pid;
  }

  get rssBytes(): number {
    return this.#watchdog?.rssBytes ?? 0;
  }

  get sandboxes(): number {
    return this.#roster.all.size;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Keeps it from closing for want of sandboxes until the returned function is called. */
  reserve(): () => void {
    this.#reservations += 1;
    return () => {
      this.#reservations -= 1;
      this.#closeIfEmpty();
    };
  }

  /** Rejects with the reason when the plugin fails to load. */
  async open(options: SandboxOptions, timeoutMs: number): Promise<RemoteSandbox> {
    const id = this.#nextId;
    this.#nextId += 1;
    const sandbox = new RemoteSandbox(options, {
      hostPid: this.pid,
      queued: () => this.#outgoing.queued(id),
      send: (record) => {
        this.#outgoing.deliver(id, record);
        this.#watchdog?.wake();
      },
      suspect: () => this.#suspect(id),
      inspect: (message) => this.#outgoing.send(frameKinds.inspect, id, message),
      leave: () => this.#leave(id),
    });
    const order = openOrder(options);
    // Until it has described itself, the longer time for running the runtime and the plugin's top level holds.
    const { memoryBytes } = options.limits;
    const entry: Entry = { sandbox, memoryBytes, totalBytes: 0, sliceMs: order.bootMs };
    this.#roster.add(id, entry);
    this.#outgoing.send(frameKinds.open, id, JSON.stringify(order));
    this.#watchdog?.wake();
    try {
      await withDeadline(sandbox.opened, {
        ms: timeoutMs,
        code: "PLUGIN_TIMEOUT",
        message: `plugin '${options.label}' was not loaded within ${timeoutMs / 1000} s`,
      });
    } catch (error) {
      if (sandbox.reason === undefined) this.#suspect(id);
      void sandbox.close();
      throw error;
    }
    entry.sliceMs = order.sliceMs;
    return sandbox;
  }

  /** Ends the process and with it every sandbox that is still in it. */
  async close(): Promise<void> {
    for (const [, { sandbox }] of this.#end()) {
      sandbox.end(new XcoreError("PLUGIN_NOT_READY", "the server is stopping"));
    }
    await this.#process.exited;
  }

  #onFrame(frame: Frame): void {
    if (this.#gone) return;
    const entry = this.#roster.get(frame.sandbox);
    switch (frame.kind) {
      case frameKinds.outbox:
        entry?.sandbox.receive(frame.payload);
        return;
      case frameKinds.inspected:
        entry?.sandbox.inspection?.receive(frame.payload);
        return;
      case frameKinds.stats:
        this.#roster.note(JSON.parse(frame.payload) as HeapFigures[]);
        return;
      case frameKinds.ended:
        entry?.sandbox.end(endingReason(entry.sandbox.options, JSON.parse(frame.payload) as Ending));
        return;
      case frameKinds.pong:
        this.#lifeSign.clear();
        return;
      case frameKinds.ready:
        this.#onReady(JSON.parse(frame.payload) as Ready);
        return;
      default:
        this.#onClose(new Error(`an unknown frame (${frame.kind})`));
    }
  }

  #onReady(ready: Ready): void {
    if (ready.protocol !== protocolVersion) {
      const error = new XcoreError(
        "PART_MISSING",
        `the sandbox host speaks protocol ${ready.protocol}, the core ${protocolVersion}`,
        { hint: "Run npm run build: dist/ is older than the sources." },
      );
      this.#becameReady.reject(error);
      return;
    }
    this.#watchdog = new Watchdog({
      meter: this.#process.meter,
      progress: this.#process.progress,
      sandboxes: () => this.#roster.all,
      isBusy: () => this.#roster.isBusy || this.#process.progress.read().sandbox !== 0,
      onBegun: (frames) => this.#outgoing.settle(frames),
      onStuck: (id, elapsedMs) => this.#onStuck(id, elapsedMs),
      onTooLarge: (id, rss, allowed) => this.#onTooLarge(id, rss, allowed),
    });
    this.#becameReady.resolve();
  }

  #suspect(id: number): void {
    if (!this.#gone) this.#lifeSign.demand(id);
  }

  #onSilence(id: number, elapsedMs: number): void {
    const current = this.#process.progress.read().sandbox;
    this.#onStuck(this.#roster.all.has(current) ? current : id, elapsedMs);
  }

  #onStuck(id: number, elapsedMs: number): void {
    this.#killFor(id, (entry) => cpuReason(entry.sandbox.options, elapsedMs, { killedHost: true }));
  }

  #onTooLarge(id: number, observedBytes: number, hostCapBytes: number): void {
    this.#killFor(this.#roster.all.has(id) ? id : (this.#roster.largest ?? 0), (entry) =>
      memoryReason(entry.sandbox.options, { observedBytes, capBytes: entry.memoryBytes, hostCapBytes }),
    );
  }

  #killFor(id: number, reasonOf: (entry: Entry) => XcoreError): void {
    const culprit = this.#roster.get(id);
    const because =
      culprit === undefined ? "from outside" : `because of plugin '${culprit.sandbox.options.label}'`;
    this.#kill((entry) =>
      entry === culprit ? reasonOf(entry) : bystanderReason(entry.sandbox.options, because),
    );
  }

  #onClose(fault: Error | undefined): void {
    if (this.#gone) return;
    // Its exit tells more than the end of its line; but without an exit it has to go anyway.
    if (fault !== undefined)
      this.#kill((entry) => bystanderReason(entry.sandbox.options, `: it sent ${fault.message}`));
    else this.#process.kill();
  }

  #onExit(exit: HostExit): void {
    const { sandbox: current, frames } = this.#process.progress.read();
    this.#process.release();
    this.#outgoing.settle(frames);
    this.#settled.resolve();
    this.#becameReady.reject(hostStartReason(exit));
    if (this.#gone) return;
    const peak = this.#watchdog?.peakRssBytes ?? 0;
    this.#options.logger.warn(
      { pid: this.pid, exitCode: exit.code, signal: exit.signal, stderr: exit.stderr.slice(-1000) },
      "a sandbox host ended by itself",
    );
    // A SIGKILL between two stretches came from outside; V8's own end is always somebody's doing.
    const only = exit.signal === "SIGKILL" ? undefined : this.#roster.only;
    this.#killFor(this.#roster.all.has(current) ? current : (only ?? 0), (entry) =>
      crashReason(entry.sandbox.options, exit, peak),
    );
  }

  // Plugins are told at once; their calls only when it is certain that the process does nothing more, and what it left.
  #kill(reasonOf: (entry: Entry) => XcoreError): void {
    for (const [id, entry] of this.#end()) {
      const unbegun = this.#settled.promise.then(() => this.#outgoing.unbegun(id));
      entry.sandbox.end(reasonOf(entry), unbegun);
    }
  }

  /** Those that were in it. */
  #end(): [number, Entry][] {
    if (this.#gone) return [];
    this.#gone = true;
    this.#watchdog?.stop();
    this.#lifeSign.clear();
    this.#process.kill();
    this.#outgoing.close();
    this.#options.onGone(this);
    return this.#roster.clear();
  }

  #leave(id: number): void {
    const entry = this.#roster.get(id);
    if (entry === undefined || this.#gone) return;
    this.#roster.delete(id);
    this.#watchdog?.forget(entry);
    this.#outgoing.forget(id);
    this.#outgoing.send(frameKinds.close, id, "");
    this.#closeIfEmpty();
  }

  #closeIfEmpty(): void {
    if (this.#roster.all.size === 0 && this.#reservations === 0) void this.close();
  }
}

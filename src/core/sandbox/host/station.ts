// The host's switchboard: frames from the core to isolates, what isolates say back to the core.
import { protocolVersion } from "../../../wire/protocol.ts";
import type { FrameLink } from "../frame-link.ts";
import { frameKinds, type Frame, type Hello, type OpenOrder, type Ready } from "../frames.ts";
import type { Progress } from "./progress.ts";
import { GuestRuntime } from "./isolate.ts";
import { InspectedResident, type InspectedResidentEvents } from "./inspected-resident.ts";
import { Resident } from "./resident.ts";

// Answers that have waited this long while other isolates worked are written before the next one is entered.
const promptMs = 2;
const statsEveryMs = 50;

export interface StationOptions {
  link: FrameLink;
  progress: Progress;
  /** Says why, where the core can read it, and ends the process at once. */
  die(reason: string): never;
}

export class Station {
  readonly #options: StationOptions;
  readonly #residents = new Map<number, Resident | InspectedResident>();
  readonly #changed = new Set<number>();
  #runtime: GuestRuntime | undefined;
  #unsentSince = 0;
  #flushing = false;
  #statsAt = 0;
  #statsTimer: NodeJS.Timeout | undefined;

  constructor(options: StationOptions) {
    this.#options = options;
  }

  onFrames(frames: readonly Frame[]): void {
    for (const frame of frames) {
      this.#onFrame(frame);
      if (this.#unsentSince > 0 && performance.now() - this.#unsentSince > promptMs) this.#flush();
    }
    this.#flush();
  }

  onDrain(): void {
    this.#options.link.resume();
  }

  #onFrame(frame: Frame): void {
    switch (frame.kind) {
      case frameKinds.hello: {
        const { runtime, parts } = JSON.parse(frame.payload) as Hello;
        this.#runtime = new GuestRuntime(runtime, parts);
        const ready: Ready = { protocol: protocolVersion };
        this.#send(frameKinds.ready, 0, JSON.stringify(ready));
        return;
      }
      case frameKinds.open:
        this.#open(frame.sandbox, JSON.parse(frame.payload) as OpenOrder);
        return;
      case frameKinds.deliver:
        this.#options.progress.nextFrame();
        this.#residents.get(frame.sandbox)?.deliver(frame.payload);
        this.#noteChange(frame.sandbox);
        return;
      case frameKinds.close:
        this.#residents.get(frame.sandbox)?.dispose();
        this.#residents.delete(frame.sandbox);
        return;
      case frameKinds.inspect: {
        const resident = this.#residents.get(frame.sandbox);
        if (resident instanceof InspectedResident) resident.inspect(frame.payload);
        return;
      }
      case frameKinds.ping:
        this.#residents.get(frame.sandbox)?.wake();
        setImmediate(() => {
          this.#send(frameKinds.pong, frame.sandbox, frame.payload);
          this.#flush();
        });
        return;
      default:
        this.#options.die(`unknown frame kind ${frame.kind}`);
    }
  }

  #open(id: number, order: OpenOrder): void {
    const events: InspectedResidentEvents = {
      onOutbox: (batch) => {
        this.#send(frameKinds.outbox, id, batch);
        this.#noteChange(id);
        this.#flushSoon();
      },
      onWoken: () => {
        this.#noteChange(id);
        this.#statsLater();
      },
      onEnded: (ending) => {
        this.#residents.delete(id);
        this.#send(frameKinds.ended, id, JSON.stringify(ending));
        this.#flush();
      },
      onCatastrophe: (message) => this.#options.die(message),
      onInspected: (message) => {
        this.#send(frameKinds.inspected, id, message);
        this.#flushSoon();
      },
    };
    const { progress } = this.#options;
    const resident =
      order.inspect === true
        ? new InspectedResident(id, order, progress, events)
        : new Resident(id, order, progress, events);
    this.#residents.set(id, resident);
    if (this.#runtime === undefined) this.#options.die("an isolate was ordered before the runtime came");
    else resident.boot(order, this.#runtime);
  }

  #send(kind: number, sandbox: number, payload: string): void {
    if (this.#unsentSince === 0) this.#unsentSince = performance.now();
    this.#options.link.send(kind, sandbox, payload);
  }

  // Outside of onFrames (a guest's timer) nobody else flushes.
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      if (this.#unsentSince > 0) this.#flush();
    });
  }

  #flush(): void {
    this.#unsentSince = 0;
    if (this.#changed.size > 0) {
      if (performance.now() - this.#statsAt >= statsEveryMs) this.#queueStats();
      else this.#statsLater();
    }
    this.#options.link.flush();
    if (this.#options.link.blocked) this.#options.link.pause();
  }

  #noteChange(sandbox: number): void {
    this.#changed.add(sandbox);
  }

  #statsLater(): void {
    if (this.#statsTimer !== undefined) return;
    this.#statsTimer = setTimeout(() => {
      this.#statsTimer = undefined;
      this.#queueStats();
      this.#options.link.flush();
    }, statsEveryMs);
  }

  #queueStats(): void {
    this.#statsAt = performance.now();
    const residents = [...this.#changed].map((id) => this.#residents.get(id));
    this.#changed.clear();
    const lines = residents.filter((resident) => resident !== undefined).map((resident) => resident.stats());
    if (lines.length > 0) this.#options.link.send(frameKinds.stats, 0, JSON.stringify(lines));
  }
}

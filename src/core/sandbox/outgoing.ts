// What the core has for one host: records of one tick become one frame a sandbox, all frames one write.
import type { Socket } from "node:net";
import { encodeBatch } from "../../wire/records.ts";
import { deliverFrameLength } from "./bounds.ts";
import { DeliveryLedger } from "./delivery-ledger.ts";
import { FrameLink } from "./frame-link.ts";
import { frameKinds, type Frame } from "./frames.ts";

export interface OutgoingEvents {
  onFrame(frame: Frame): void;
  onClose(fault: Error | undefined): void;
}

interface Queue {
  records: string[];
  length: number;
}

export class Outgoing {
  readonly #link: FrameLink;
  readonly #queues = new Map<number, Queue>();
  readonly #ledger = new DeliveryLedger();
  #scheduled = false;
  #closed = false;

  constructor(socket: Socket, events: OutgoingEvents) {
    this.#link = new FrameLink(socket, {
      onFrames: (frames) => frames.forEach((frame) => events.onFrame(frame)),
      onDrain: () => this.#flush(),
      onClose: (fault) => events.onClose(fault),
    });
  }

  /** UTF-16 units of a sandbox's records that are still here. */
  queued(sandbox: number): number {
    return this.#queues.get(sandbox)?.length ?? 0;
  }

  send(kind: number, sandbox: number, payload: string): void {
    this.#link.send(kind, sandbox, payload);
    this.#schedule();
  }

  deliver(sandbox: number, record: string): void {
    const queue = this.#queues.get(sandbox);
    if (queue === undefined) this.#queues.set(sandbox, { records: [record], length: record.length });
    else {
      queue.records.push(record);
      queue.length += record.length;
    }
    this.#schedule();
  }

  /** The host has begun with so many deliver frames; undefined: nobody knows. */
  settle(begunFrames: number | undefined): void {
    this.#ledger.settle(begunFrames);
  }

  /** How many of the records for a sandbox, counted from the last, the host had not begun with when that was last settled. */
  unbegun(sandbox: number): number {
    return this.#ledger.unbegun(sandbox) + (this.#queues.get(sandbox)?.records.length ?? 0);
  }

  forget(sandbox: number): void {
    this.#queues.delete(sandbox);
  }

  close(): void {
    this.#closed = true;
    this.#link.close();
  }

  // After the poll phase: then everything that arrived with this turn of the event loop is in the queues.
  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#closed) return;
    // While the host does not read, records stay in their queues, where callers see how many wait.
    if (!this.#link.blocked) this.#frameQueues();
    this.#link.flush();
  }

  #frameQueues(): void {
    for (const [sandbox, queue] of this.#queues) {
      let start = 0;
      let length = 0;
      for (const [index, record] of queue.records.entries()) {
        length += record.length;
        if (length < deliverFrameLength && index < queue.records.length - 1) continue;
        this.#link.send(frameKinds.deliver, sandbox, encodeBatch(queue.records.slice(start, index + 1)));
        this.#ledger.note(sandbox, index + 1 - start);
        start = index + 1;
        length = 0;
      }
    }
    this.#queues.clear();
  }
}

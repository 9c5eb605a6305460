// One WebSocket between a client and a guest: messages in pieces, each direction within its window, closed for a reason that is told.
import type { BodyEncoding } from "../../wire/host-calls.ts";
import { chunkCost, chunkWithin, streamWindow } from "../../wire/protocol.ts";
import { encodeStreamMessage } from "../../wire/stream-messages.ts";
import type { XcoreError } from "../base/error.ts";
import type { Limits } from "../base/limits.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { streamIdle, streamTooLarge, streamTooLong } from "./stream-reasons.ts";

/** The client's end. */
export interface SocketPeer {
  /** `sent` is called once the piece has left: until then it counts against the window. */
  send(piece: SocketPiece, sent: () => void): void;
  /** `fault`: why, when it is nothing that belongs to a conversation. */
  close(code: number, reason: string, fault?: XcoreError): void;
  /** Asks for a sign of life: `alive` is called when it comes. */
  ping(): void;
  pause(): void;
  resume(): void;
}

export interface SocketPiece {
  text: string;
  /** `latin1`: of a binary message. */
  encoding: BodyEncoding;
  last: boolean;
}

export interface SocketChannelOptions {
  id: number;
  /** "plugin 'chat@1.0.0': the socket of GET /rooms/1" */
  what: string;
  limits: Limits;
  send(record: string): void;
  /** The core has ended it, or the client: what the guest still says of it is dropped. */
  onDropped(): void;
}

/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 and the registry it founded. */
export const closeCodes = {
  goingAway: 1001,
  lost: 1006,
  policy: 1008,
  failed: 1011,
  restart: 1012,
} as const;

export class SocketChannel {
  readonly #options: SocketChannelOptions;
  readonly #over = Promise.withResolvers<void>();
  readonly #window = new ReceiveWindow();
  readonly #startedAt = performance.now();
  #movedAt = this.#startedAt;
  #peer: SocketPeer | undefined;
  #waiting: ((peer: SocketPeer) => void)[] = [];
  #isOver = false;
  #open: BodyEncoding | undefined;
  /** What the guest has no room for yet. */
  #held: { text: string; encoding: BodyEncoding }[] = [];
  #sentOfFirst = 0;
  /** The client's, said behind what is held. */
  #farewell: { code: number; reason: string } | undefined;
  #credit = streamWindow;
  #bytes = 0;

  constructor(options: SocketChannelOptions) {
    this.#options = options;
  }

  /** Resolves when it is over, in whatever way. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** The handshake is done. What the guest has said meanwhile goes out. */
  connect(peer: SocketPeer): void {
    this.#peer = peer;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const say of waiting) say(peer);
  }

  /** The client says something. */
  hear(text: string, encoding: BodyEncoding): void {
    if (this.#isOver) return;
    this.#note(text, encoding);
    if (this.#isOver) return;
    this.#held.push({ text, encoding });
    this.#flush();
  }

  /** The client gives a sign of life. */
  alive(): void {
    this.#movedAt = performance.now();
  }

  /** The client has closed it, or is gone: code 1006. What it said before is heard first. */
  closed(code: number, reason: string): void {
    if (this.#held.length === 0) this.#end(code, reason);
    else this.#farewell ??= { code, reason };
  }

  /** The guest says something. What it must not is given back as a sentence. */
  take(piece: SocketPiece): string | undefined {
    if (!this.#window.receive(piece.text.length)) return "more than the window of a socket";
    if (this.#open !== undefined && this.#open !== piece.encoding) return "a message of two kinds";
    this.#open = piece.last ? undefined : piece.encoding;
    this.#note(piece.text, piece.encoding);
    if (this.#isOver) return undefined;
    this.#tell((peer) => peer.send(piece, () => this.#consumed(piece.text.length)));
    return undefined;
  }

  /** The guest has closed it. */
  leave(code: number, reason: string): void {
    this.#close((peer) => peer.close(code, reason));
  }

  /** The guest has read so much. False when that is more than it was sent. */
  credit(units: number): boolean {
    this.#credit += units;
    if (this.#credit > streamWindow) return false;
    this.#movedAt = performance.now();
    this.#flush();
    return true;
  }

  /** Ends it, though neither side has. */
  finish(code: number, reason: string, fault?: XcoreError): void {
    if (this.#isOver) return;
    this.#tell((peer) => peer.close(code, reason, fault));
    this.#end(code, reason);
  }

  /** The guest is gone, or has failed. */
  fail(error: XcoreError): void {
    this.#close((peer) => peer.close(closeCodes.failed, "the plugin has failed", error));
  }

  checkTime(now: number): void {
    if (this.#isOver) return;
    const { limits, what } = this.#options;
    const stood = now - this.#movedAt;
    if (now - this.#startedAt > limits.streamTimeMs) {
      const reason = "it has lasted for too long; connect anew";
      this.finish(closeCodes.goingAway, reason, streamTooLong(what, limits.streamTimeMs));
    } else if (stood > limits.streamIdleMs) {
      this.finish(closeCodes.goingAway, "no sign of life", streamIdle(what, limits.streamIdleMs));
    } else if (stood > limits.streamIdleMs / 2) this.#peer?.ping();
  }

  #note(text: string, encoding: BodyEncoding): void {
    const { limits, what } = this.#options;
    this.#movedAt = performance.now();
    this.#bytes += encoding === "latin1" ? text.length : Buffer.byteLength(text);
    if (this.#bytes <= limits.streamBytes) return;
    this.finish(closeCodes.policy, "too much was said", streamTooLarge(what, limits.streamBytes));
  }

  #tell(say: (peer: SocketPeer) => void): void {
    if (this.#peer === undefined) this.#waiting.push(say);
    else say(this.#peer);
  }

  #consumed(length: number): void {
    this.#movedAt = performance.now();
    const units = this.#window.taken(length);
    if (units === 0 || this.#isOver) return;
    this.#options.send(encodeStreamMessage({ kind: "credit", id: this.#options.id, units }));
  }

  #flush(): void {
    let done = 0;
    for (const message of this.#held) {
      if (!this.#pass(message)) break;
      done += 1;
    }
    this.#held.splice(0, done);
    const farewell = this.#farewell;
    if (this.#held.length === 0 && farewell !== undefined) this.#end(farewell.code, farewell.reason);
    else if (this.#held.length > 0) this.#peer?.pause();
    else this.#peer?.resume();
  }

  /** False when there is too little credit for the whole of it. */
  #pass({ text, encoding }: { text: string; encoding: BodyEncoding }): boolean {
    const { id, send } = this.#options;
    for (;;) {
      const most = chunkWithin(this.#credit);
      const left = text.length - this.#sentOfFirst;
      let length = Math.min(left, most);
      const end = this.#sentOfFirst + length;
      // Two halves of one character stay together.
      if (length < left && encoding === "utf8" && /[\ud800-\udbff]/.test(text.charAt(end - 1))) length -= 1;
      if (most === 0 || (length === 0 && left > 0)) return false;
      const last = length === left;
      const piece = text.slice(this.#sentOfFirst, this.#sentOfFirst + length);
      send(encodeStreamMessage({ kind: "message", id, encoding, last, text: piece }));
      this.#credit -= chunkCost(length);
      this.#sentOfFirst = last ? 0 : this.#sentOfFirst + length;
      if (last) return true;
    }
  }

  /** It is over, and the guest is told. */
  #end(code: number, reason: string): void {
    if (this.#isOver) return;
    const { id, send, onDropped } = this.#options;
    this.#close(() => undefined);
    send(encodeStreamMessage({ kind: "close", id, code, reason }));
    onDropped();
  }

  #close(say: (peer: SocketPeer) => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#held = [];
    this.#tell(say);
    this.#over.resolve();
  }
}

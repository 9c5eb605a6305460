// What a socket says and hears, as records: messages in pieces that the other side has given credit for.
import { chunkCost, chunkWithin, streamWindow } from "../../wire/protocol.ts";
import type { BodyEncoding } from "../../wire/host-calls.ts";
import type { Call, CallSocket } from "../calls.ts";
import type { Flusher, Outbox } from "../outbox.ts";
import { charCodeAt, stringSlice } from "../primordials.ts";
import { attach, closedSocket, hear, type SocketLine, type WebSocket } from "../web/socket.ts";

/** A request that is answered by becoming a socket. */
export interface SocketAnswer {
  /** "name\nvalue\nname\nvalue" */
  head: string;
  socket: WebSocket;
}

interface Message {
  text: string;
  encoding: BodyEncoding;
}

/** What may wait for one client that reads slowly; beyond that it is let go. */
const maxLoad = 4 * 1024 * 1024;
/** For all of them together; beyond that the one that is written to is let go, unless little waits for it. */
const maxTotal = 16 * 1024 * 1024;
const little = 256 * 1024;
/** A message that waits takes its length and this much. */
const overhead = 128;

/** What waits for all clients of this isolate. */
export interface SocketLoad {
  total: number;
}

export interface SocketLinkOptions {
  outbox: Outbox;
  load: SocketLoad;
  /** The call is over. */
  onEnd(): void;
}
const portion = streamWindow / 4;

export class SocketLink implements CallSocket, SocketLine, Flusher {
  waiting = 0;
  readonly #call: Call;
  readonly #answer: SocketAnswer;
  readonly #outbox: Outbox;
  readonly #options: SocketLinkOptions;
  #out: Message[] = [];
  #first = 0;
  #sentOfFirst = 0;
  /** What waits, with its overhead. */
  #load = 0;
  #in: { text: string; encoding: BodyEncoding; last: boolean }[] = [];
  #partial = "";
  #credit = streamWindow;
  #owed = 0;
  #accepted = false;
  #hearing = false;
  #noted = false;
  #isOver = false;
  #farewell: { code: number; reason: string } | undefined;

  constructor(call: Call, answer: SocketAnswer, options: SocketLinkOptions) {
    this.#call = call;
    this.#answer = answer;
    this.#outbox = options.outbox;
    this.#options = options;
    attach(answer.socket, this);
    this.#note();
  }

  open(): void {
    this.#hearing = true;
    const waiting = this.#in;
    this.#in = [];
    for (let at = 0; at < waiting.length; at += 1) {
      const { text, encoding, last } = waiting[at] as Message & { last: boolean };
      this.message(text, encoding, last);
    }
  }

  send(text: string, encoding: BodyEncoding): void {
    if (this.#isOver || this.#farewell !== undefined) return;
    this.#out[this.#out.length] = { text, encoding };
    this.waiting += text.length;
    this.#weigh(text.length + overhead);
    if (this.#load > maxLoad || (this.#options.load.total > maxTotal && this.#load > little)) this.#letGo();
    this.#note();
  }

  close(code: number, reason: string): void {
    if (this.#isOver || this.#farewell !== undefined) return;
    this.#farewell = { code, reason };
    this.#note();
  }

  credit(units: number): void {
    this.#credit += units;
    if (this.#out.length > 0) this.#note();
  }

  cancel(): void {
    this.closed(1006, "");
  }

  message(text: string, encoding: BodyEncoding, last: boolean): void {
    if (this.#isOver) return;
    if (!this.#hearing) {
      this.#in[this.#in.length] = { text, encoding, last };
      return;
    }
    this.#owed += chunkCost(text.length);
    if (this.#owed >= portion) {
      this.#outbox.add(`G${this.#call.id} ${this.#owed}\n`);
      this.#owed = 0;
    }
    this.#partial += text;
    if (!last) return;
    const whole = this.#partial;
    this.#partial = "";
    hear(this.#answer.socket, whole, encoding);
  }

  /** The other side has closed it, or is gone. */
  closed(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#end(code, reason);
  }

  flush(): boolean {
    this.#noted = false;
    if (this.#isOver) return true;
    if (!this.#accepted) {
      const { head } = this.#answer;
      const record = `U${this.#call.id} ${head.length}\n${head}`;
      if (!this.#outbox.hasRoom(record.length)) return this.#starve();
      this.#accepted = true;
      this.#outbox.add(record);
    }
    for (let message = this.#out[this.#first]; message !== undefined; message = this.#out[this.#first]) {
      const outcome = this.#sendPiece(message);
      if (outcome === "no room") return this.#starve();
      if (outcome === "no credit") return true;
    }
    if (this.#farewell === undefined) return true;
    const { code, reason } = this.#farewell;
    this.#outbox.add(`W${this.#call.id} ${code}\n${reason}`);
    this.#end(code, reason);
    return true;
  }

  #sendPiece(message: Message): "sent" | "no room" | "no credit" {
    const left = message.text.length - this.#sentOfFirst;
    const most = chunkWithin(this.#credit);
    let length = left < most ? left : most;
    const end = this.#sentOfFirst + length;
    // Two halves of one character stay together.
    if (length < left && message.encoding === "utf8" && isHighSurrogate(message.text, end - 1)) length -= 1;
    if (most === 0 || (length === 0 && left > 0)) return "no credit";
    const isLast = length === left;
    const piece = stringSlice(message.text, this.#sentOfFirst, this.#sentOfFirst + length);
    const record = `M${this.#call.id} ${message.encoding} ${isLast ? 1 : 0}\n${piece}`;
    if (!this.#outbox.hasRoom(record.length)) return "no room";
    this.#outbox.add(record);
    this.#credit -= chunkCost(length);
    this.waiting -= length;
    this.#weigh(isLast ? -length - overhead : -length);
    this.#sentOfFirst = isLast ? 0 : this.#sentOfFirst + length;
    if (isLast) this.#dropFirst();
    return "sent";
  }

  #dropFirst(): void {
    this.#first += 1;
    const left = this.#out.length - this.#first;
    // Seldom enough that each message is moved once on average.
    if (left > 0 && (this.#first < 1024 || left > this.#first)) return;
    const rest: Message[] = [];
    for (let at = 0; at < left; at += 1) rest[at] = this.#out[this.#first + at] as Message;
    this.#out = rest;
    this.#first = 0;
  }

  // A message that has begun is broken off: closing may come between its pieces.
  #letGo(): void {
    this.#clear();
    this.#farewell = { code: 1008, reason: "too much waits to be read" };
  }

  #clear(): void {
    this.#out = [];
    this.#first = 0;
    this.waiting = 0;
    this.#weigh(-this.#load);
  }

  #weigh(change: number): void {
    this.#load += change;
    this.#options.load.total += change;
  }

  #end(code: number, reason: string): void {
    this.#isOver = true;
    this.#clear();
    this.#in = [];
    this.#call.finish();
    this.#options.onEnd();
    closedSocket(this.#answer.socket, code, reason);
  }

  #note(): void {
    if (this.#noted || this.#isOver) return;
    this.#noted = true;
    this.#outbox.atDrain(this);
  }

  #starve(): false {
    this.#noted = true;
    return false;
  }
}

function isHighSurrogate(text: string, at: number): boolean {
  const code = charCodeAt(text, at);
  return code >= 0xd800 && code <= 0xdbff;
}

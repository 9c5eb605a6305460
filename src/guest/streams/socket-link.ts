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

/** Characters that may wait for a client that reads slowly; beyond that it is let go. */
const maxWaiting = 4 * 1024 * 1024;
const portion = streamWindow / 4;

export class SocketLink implements CallSocket, SocketLine, Flusher {
  waiting = 0;
  readonly #call: Call;
  readonly #answer: SocketAnswer;
  readonly #outbox: Outbox;
  readonly #onEnd: () => void;
  #out: Message[] = [];
  #first = 0;
  #sentOfFirst = 0;
  #in: { text: string; encoding: BodyEncoding; last: boolean }[] = [];
  #partial = "";
  #credit = streamWindow;
  #owed = 0;
  #accepted = false;
  #hearing = false;
  #noted = false;
  #isOver = false;
  #farewell: { code: number; reason: string } | undefined;

  /** `onEnd`: the call is over. */
  constructor(call: Call, answer: SocketAnswer, outbox: Outbox, onEnd: () => void) {
    this.#call = call;
    this.#answer = answer;
    this.#outbox = outbox;
    this.#onEnd = onEnd;
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
    if (this.waiting > maxWaiting) this.#letGo();
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
    this.#sentOfFirst = isLast ? 0 : this.#sentOfFirst + length;
    if (isLast) this.#dropFirst();
    return "sent";
  }

  #dropFirst(): void {
    this.#first += 1;
    if (this.#first < this.#out.length) return;
    this.#out = [];
    this.#first = 0;
  }

  // A message that has begun is broken off: closing may come between its pieces.
  #letGo(): void {
    this.#out = [];
    this.#first = 0;
    this.waiting = 0;
    this.#farewell = { code: 1008, reason: "too much waits to be read" };
  }

  #end(code: number, reason: string): void {
    this.#isOver = true;
    this.#out = [];
    this.#in = [];
    this.waiting = 0;
    this.#call.finish();
    this.#onEnd();
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

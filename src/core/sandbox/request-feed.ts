// The body of one request on its way from a client into a guest: no more of it is sent than the guest has room for.
import { encodeCoreMessage } from "../../wire/messages.ts";
import { chunkCost, chunkWithin, streamWindow } from "../../wire/protocol.ts";

/** A request's body that comes from a client piece by piece. */
export interface BodySource {
  /** Begins to give. Each piece is Latin-1 text; none comes between `pause` and `resume`, but for the one that is under way. */
  open(into: BodyTarget): void;
  pause(): void;
  resume(): void;
  /** Nobody reads on: what still comes is thrown away. */
  close(): void;
}

export interface BodyTarget {
  push(text: string): void;
  end(): void;
}

export interface RequestFeedOptions {
  id: number;
  source: BodySource;
  send(record: string): void;
  /** Something went on: the guest's time begins anew. */
  onProgress(): void;
}

export class RequestFeed implements BodyTarget {
  readonly #options: RequestFeedOptions;
  #held = "";
  #credit = streamWindow;
  #ended = false;
  #state: "open" | "sent" | "unread" | "closed" = "open";

  constructor(options: RequestFeedOptions) {
    this.#options = options;
    options.source.open(this);
  }

  push(text: string): void {
    if (this.#state !== "open") return;
    this.#held += text;
    this.#flush();
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#ended = true;
    this.#flush();
  }

  /** The guest has read so much. False when that is more than it was sent. */
  credit(units: number): boolean {
    this.#credit += units;
    if (this.#credit > streamWindow) return false;
    if (this.#state === "open") this.#flush();
    return true;
  }

  /** The guest will not read the rest. False when it has said so before. */
  unread(): boolean {
    if (this.#state === "unread") return false;
    if (this.#state === "open") this.#stop("unread");
    return true;
  }

  /** The call is over. */
  close(): void {
    if (this.#state === "open") this.#stop("closed");
    this.#state = "closed";
  }

  #flush(): void {
    const { id, send, source, onProgress } = this.#options;
    onProgress();
    for (let length = this.#next(); length > 0; length = this.#next()) {
      const text = this.#held.slice(0, length);
      send(encodeCoreMessage({ kind: "chunk", id, encoding: "latin1", text }));
      this.#credit -= chunkCost(length);
      this.#held = this.#held.slice(length);
    }
    if (this.#held !== "") source.pause();
    else if (!this.#ended) source.resume();
    else {
      this.#state = "sent";
      send(encodeCoreMessage({ kind: "end", id }));
    }
  }

  #next(): number {
    return Math.min(this.#held.length, chunkWithin(this.#credit));
  }

  #stop(state: "unread" | "closed"): void {
    this.#state = state;
    this.#held = "";
    this.#options.source.close();
  }
}

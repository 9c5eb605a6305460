// What `fetch` of one revision of a plugin has open: requests whose body is still coming out of it, answers whose body it reads piece
// by piece. Each ends by itself when its call is over, when nothing moves, or when it lasts too long.
import { XcoreError } from "../../base/error.ts";
import { formatDuration, formatSize } from "../../base/units.ts";
import type { FetchAnswer } from "../../../wire/host-calls.ts";
import type { HostCallContext, PluginIdentity } from "../service.ts";
import type { BodyReader } from "./body-reader.ts";
import type { Upload } from "./upload.ts";

/** Exchanges of one revision that may be open. */
const maxOpen = 100;
const rememberedEnds = 200;

export interface Exchange {
  readonly id: number;
  readonly controller: AbortController;
  upload: Upload | undefined;
  answer: Promise<FetchAnswer> | undefined;
  reader: BodyReader | undefined;
  /** Somebody waits for the next of its body. */
  reading: boolean;
  sentBytes: number;
  readBytes: number;
  /** Something moved. */
  touch(): void;
  release(): void;
}

export class OpenExchanges {
  readonly #plugin: Pick<PluginIdentity, "name" | "limits">;
  readonly #open = new Map<number, Exchange>();
  /** Why the last ones ended that were cut off. */
  readonly #ended = new Map<number, XcoreError>();
  #last = 0;

  constructor(plugin: Pick<PluginIdentity, "name" | "limits">) {
    this.#plugin = plugin;
  }

  get(id: number): Exchange | undefined {
    return this.#open.get(id);
  }

  /** Throws what it ended by. */
  find(id: number): Exchange {
    const found = this.#open.get(id);
    if (found !== undefined) return found;
    throw (
      this.#ended.get(id) ??
      new XcoreError("INPUT_INVALID", `plugin '${this.#plugin.name}': fetch has nothing open as ${id}`)
    );
  }

  /** It ends with the call that `context` belongs to. */
  begin(controller: AbortController, context: HostCallContext): Exchange {
    if (this.#open.size >= maxOpen) this.#makeRoom();
    const { streamIdleMs, streamTimeMs } = this.#plugin.limits;
    const id = (this.#last += 1);
    const cut = (why: string): void => void this.end(exchange, exchangeOver(why));
    const idle = setTimeout(() => cut(`nothing moved for ${formatDuration(streamIdleMs)}`), streamIdleMs);
    const time = setTimeout(() => cut(`it lasted longer than ${formatDuration(streamTimeMs)}`), streamTimeMs);
    idle.unref();
    time.unref();
    let leave: (() => void) | undefined;
    const exchange: Exchange = {
      id,
      controller,
      upload: undefined,
      answer: undefined,
      reader: undefined,
      reading: false,
      sentBytes: 0,
      readBytes: 0,
      touch: () => void idle.refresh(),
      release() {
        clearTimeout(idle);
        clearTimeout(time);
        leave?.();
      },
    };
    this.#open.set(id, exchange);
    leave = context.over?.(() => cut("the call that it belongs to is over"));
    return exchange;
  }

  /** `reason`: it is cut off; without one it is complete. Gives the reason that stays. */
  end(exchange: Exchange, reason?: XcoreError): XcoreError | undefined {
    const { id, upload, controller } = exchange;
    if (!this.#open.delete(id)) return this.#ended.get(id);
    exchange.release();
    if (reason !== undefined) {
      this.#ended.set(id, reason);
      const [oldest] = this.#ended.keys();
      if (this.#ended.size > rememberedEnds && oldest !== undefined) this.#ended.delete(oldest);
    }
    upload?.body.destroy();
    controller.abort(reason ?? exchangeOver("it is complete"));
    return reason;
  }

  /** Counts bytes of a body; throws when they are more than the plugin may move. */
  count(exchange: Exchange, what: "request" | "answer", bytes: number): void {
    const cap = this.#plugin.limits.streamBytes;
    const moved = what === "request" ? (exchange.sentBytes += bytes) : (exchange.readBytes += bytes);
    exchange.touch();
    if (moved <= cap) return;
    const reason = new XcoreError(
      "QUOTA_EXCEEDED",
      `fetch: the body of the ${what} is larger than ${formatSize(cap)}`,
      { hint: "The limit is limits.streamSize in plugin.yaml.", details: { cap } },
    );
    this.end(exchange, reason);
    throw reason;
  }

  /** An answer whose body nobody has begun to read makes room for another one. */
  #makeRoom(): void {
    for (const exchange of this.#open.values()) {
      if (exchange.reader === undefined || exchange.reading || exchange.readBytes > 0) continue;
      this.end(exchange, exchangeOver(`nobody read it, and ${maxOpen} were open`));
      return;
    }
    throw new XcoreError(
      "QUOTA_EXCEEDED",
      `plugin '${this.#plugin.name}': ${maxOpen} bodies of fetch are open already`,
      { hint: "Read bodies to their end, or cancel them.", details: { cap: maxOpen } },
    );
  }
}

export function exchangeOver(why: string): XcoreError {
  return new XcoreError("CALL_CANCELLED", `fetch: the exchange was ended: ${why}`);
}

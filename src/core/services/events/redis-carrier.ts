// Texts between nodes by Redis' publish and subscribe: one connection that says, one that hears.
import { Redis } from "ioredis";
import { redisConnection } from "../redis-connection.ts";
import type { RedisFaults } from "../redis-faults.ts";
import type { Carrier, CarrierEvents } from "./node-bridge.ts";

export interface RedisCarrierOptions {
  url: string;
  channel: string;
  faults: RedisFaults;
}

const commandTimeoutMs = 2000;

export class RedisCarrier implements Carrier {
  readonly #channel: string;
  readonly #faults: RedisFaults;
  readonly #speaker: Redis;
  readonly #listener: Redis;

  constructor({ url, channel, faults }: RedisCarrierOptions, { hear, onUp, onDown }: CarrierEvents) {
    this.#channel = channel;
    this.#faults = faults;
    this.#speaker = new Redis(url, { ...redisConnection, commandTimeout: commandTimeoutMs });
    this.#listener = new Redis(url, { ...redisConnection, autoResubscribe: false });
    for (const connection of [this.#speaker, this.#listener]) {
      let reason = "";
      connection.on("error", (error) => (reason = faults(error) ?? reason));
      connection.on("close", () => onDown(reason === "" ? "the connection was closed" : reason));
      connection.on("ready", () => {
        reason = "";
        void this.#ready(onUp, onDown);
      });
      connection.connect().catch(() => undefined);
    }
    this.#listener.on("message", (_channel: string, text: string) => hear(text));
  }

  async say(text: string): Promise<void> {
    await this.#speaker.publish(this.#channel, text);
  }

  renew(): void {
    this.#speaker.disconnect(true);
    this.#listener.disconnect(true);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#speaker.disconnect();
    this.#listener.disconnect();
    return Promise.resolve();
  }

  /** Subscribing again to the same channel changes nothing. */
  async #ready(onUp: () => void, onDown: (reason: string) => void): Promise<void> {
    if (this.#listener.status !== "ready") return;
    try {
      await this.#listener.subscribe(this.#channel);
      if (this.#speaker.status === "ready") onUp();
    } catch (error) {
      onDown(this.#faults(error) ?? "the connection was closed");
    }
  }
}

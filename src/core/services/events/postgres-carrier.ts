// Texts between nodes by LISTEN and NOTIFY, on one connection of its own that is made anew whenever it is lost.
import { randomBytes } from "node:crypto";
import { Client, escapeIdentifier, type Pool } from "pg";
import { messageOf } from "../../base/error.ts";
import type { Connection } from "../database/database.ts";
import { withLock } from "../database/core-schema.ts";
import type { Carrier, CarrierEvents } from "./node-bridge.ts";
import { partsOf, PartsReader } from "./parts.ts";

export interface PostgresCarrierOptions {
  connection: Connection;
  channel: string;
}

interface Waiting {
  parts: readonly string[];
  resolve(): void;
  reject(error: unknown): void;
}

/** Parts that one statement notifies. */
const maxBatch = 500;
const firstRetryMs = 100;
const longestRetryMs = 1000;

/**
 * The name of the channel in this database, the same for every node. It is random and lies where no plugin can read it:
 * any role may notify any channel it can name.
 */
export function channelOf(pool: Pool): Promise<string> {
  return withLock(pool, "events channel", async (client) => {
    await client.query(
      "create table if not exists xcore.channels (name text primary key, channel text not null)",
    );
    const { rows } = await client.query<{ channel: string }>(
      `insert into xcore.channels (name, channel) values ('events', $1)
       on conflict (name) do update set channel = xcore.channels.channel returning channel`,
      [`xcore_${randomBytes(16).toString("hex")}`],
    );
    return rows[0]?.channel ?? "";
  });
}

export class PostgresCarrier implements Carrier {
  readonly #options: PostgresCarrierOptions;
  readonly #events: CarrierEvents;
  /** Tells the texts of this connection from those of others. */
  readonly #sender = randomBytes(8).toString("hex");
  readonly #waiting: Waiting[] = [];
  #client: Client | undefined;
  #count = 0;
  #retries = 0;
  #sending = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: PostgresCarrierOptions, events: CarrierEvents) {
    this.#options = options;
    this.#events = events;
    void this.#connect();
  }

  say(text: string): Promise<void> {
    if (this.#client === undefined) return Promise.reject(new Error("the connection is lost"));
    this.#count += 1;
    const parts = partsOf(text, `${this.#sender}.${this.#count}`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ parts, resolve, reject });
    void this.#send();
    return promise;
  }

  renew(): void {
    this.#lose(this.#client, "it did not answer");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const client = this.#client;
    this.#client = undefined;
    this.#rejectAll("the server stops");
    await client?.end().catch(() => undefined);
  }

  /** Whatever waits goes in one statement: a transaction that notifies takes a lock of the whole database server. */
  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    for (let client = this.#client; client !== undefined && this.#waiting.length > 0; client = this.#client) {
      const batch: Waiting[] = [];
      for (let parts = 0; parts < maxBatch;) {
        const next = this.#waiting.shift();
        if (next === undefined) break;
        batch.push(next);
        parts += next.parts.length;
      }
      try {
        await client.query(
          "select pg_notify($1, part) from unnest($2::text[]) with ordinality as parts (part, at) order by at",
          [this.#options.channel, batch.flatMap(({ parts }) => parts)],
        );
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#sending = false;
  }

  async #connect(): Promise<void> {
    const { connection, channel } = this.#options;
    const client = new Client({
      ...connection,
      application_name: "xcore events",
      connectionTimeoutMillis: 2000,
      keepAlive: true,
    });
    const reader = new PartsReader();
    client.on("error", (error) => this.#lose(client, messageOf(error)));
    client.on("end", () => this.#lose(client, "the connection was closed"));
    client.on("notification", ({ payload = "" }) => {
      const text = reader.read(payload);
      if (text !== undefined) this.#events.hear(text);
    });
    try {
      await client.connect();
      await client.query(`listen ${escapeIdentifier(channel)}`);
    } catch (error) {
      client.end().catch(() => undefined);
      this.#again(messageOf(error));
      return;
    }
    if (this.#closed) {
      await client.end().catch(() => undefined);
      return;
    }
    this.#client = client;
    this.#retries = 0;
    this.#events.onUp();
  }

  #lose(client: Client | undefined, reason: string): void {
    if (client === undefined || client !== this.#client) return;
    this.#client = undefined;
    client.end().catch(() => undefined);
    this.#rejectAll(reason);
    this.#again(reason);
  }

  #again(reason: string): void {
    if (this.#closed) return;
    this.#events.onDown(reason);
    const delayMs = Math.min(firstRetryMs * 2 ** this.#retries, longestRetryMs);
    this.#retries += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), delayMs).unref();
  }

  #rejectAll(reason: string): void {
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(reason));
  }
}

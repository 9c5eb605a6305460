// Hears when another server has changed a tenant: a notification tells at once, a slow look heals what was missed.
import { Client } from "pg";
import type { Connection } from "../database/database.ts";
import { tenantsChannel } from "./store.ts";

export interface ListenerOptions {
  connection: Connection;
  onChange(): void;
}

const lookEveryMs = 5_000;
const heardEveryMs = 100;
const again = { firstMs: 500, mostMs: 10_000 };

export class TenantListener {
  readonly #options: ListenerOptions;
  readonly #look: NodeJS.Timeout;
  #client: Client | undefined;
  #retry: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #heardAt = Number.NEGATIVE_INFINITY;
  #waitMs = again.firstMs;
  #closed = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#look = setInterval(() => options.onChange(), lookEveryMs).unref();
    void this.#listen();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#look);
    clearTimeout(this.#retry);
    clearTimeout(this.#soon);
    await this.#client?.end().catch(() => undefined);
  }

  async #listen(): Promise<void> {
    const client = new Client({
      ...this.#options.connection,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      application_name: "xcore tenants",
    });
    this.#client = client;
    client.on("notification", () => this.#hear());
    client.on("error", () => undefined);
    client.once("end", () => this.#listenAgain());
    try {
      await client.connect();
      await client.query(`listen ${tenantsChannel}`);
      this.#waitMs = again.firstMs;
      this.#options.onChange();
    } catch {
      await client.end().catch(() => undefined);
      this.#listenAgain();
    }
  }

  /** Not for each of a flood: any role of the database can notify. */
  #hear(): void {
    const wait = this.#heardAt + heardEveryMs - performance.now();
    this.#soon ??= setTimeout(
      () => {
        this.#soon = undefined;
        this.#heardAt = performance.now();
        this.#options.onChange();
      },
      Math.max(0, wait),
    ).unref();
  }

  #listenAgain(): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#listen(), this.#waitMs).unref();
    this.#waitMs = Math.min(this.#waitMs * 2, again.mostMs);
  }
}

// The embedded Postgres of one project as several core processes share it. Each keeps one session open in the database
// `postgres` with a shared advisory lock: the session's end tells that the server is gone, and whoever can take the lock
// alone when it closes is the last one and stops the server. Plugins never get into that database, so no plugin can hold it.
import { Client } from "pg";
import { sleep } from "../../../base/deadline.ts";
import { messageOf, XcoreError } from "../../../base/error.ts";
import type { Logger } from "../../../base/log.ts";
import type { Connection } from "../database.ts";
import { findBinaries, type Binaries } from "./binaries.ts";
import { inspectData, makeData, placesIn, type Places } from "./data-folder.ts";
import { findPostmaster, startPostmaster, stopPostmaster } from "./postmaster.ts";
import { chooseUser, type User } from "./run-as.ts";
import { removeSocketLink, socketFolder } from "./socket.ts";

export interface EmbeddedOptions {
  service: string;
  workspace: string;
  stateFolder: string;
  logger: Logger;
}

/** How this process came to its server. */
export type Arrival = "made" | "started" | "attached";

const presenceKey = 7_230_185;
const openTimeoutMs = 20_000;

export class EmbeddedServer implements AsyncDisposable {
  readonly connection: Connection;
  readonly arrival: Arrival;
  #presence: Client;
  #recovery: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  readonly #stop = new AbortController();
  readonly #site: Site;
  readonly #logger: Logger;

  constructor(site: Site, found: { client: Client; arrival: Arrival }, logger: Logger) {
    this.#site = site;
    this.#logger = logger;
    this.connection = { ...connectionTo(site.socket), database: "xcore" };
    this.arrival = found.arrival;
    this.#presence = found.client;
    this.#watch();
  }

  /** Leaves the server; the last core process of the project stops it. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    await this.#recovery;
    const last = await isLast(this.#presence).catch(() => false);
    const postmaster = last ? await findPostmaster(this.#site.places) : undefined;
    if (postmaster !== undefined) {
      await stopPostmaster(this.#site.places, postmaster.pid);
      await removeSocketLink(this.#site.places);
    }
    await this.#presence.end().catch(() => undefined);
  }

  #watch(): void {
    this.#presence.once("end", () => {
      if (!this.#stop.signal.aborted) this.#recovery = this.#recover();
    });
  }

  async #recover(): Promise<void> {
    this.#logger.warn({}, "the embedded Postgres is gone; starting it again");
    while (!this.#stop.signal.aborted) {
      try {
        this.#presence = (await arrive(this.#site, this.#stop.signal)).client;
        this.#watch();
        this.#logger.info({}, "the embedded Postgres is back");
        return;
      } catch (error) {
        this.#logger.error({ error: messageOf(error) }, "the embedded Postgres does not start");
        await sleep(2_000, this.#stop.signal).catch(() => undefined);
      }
    }
  }
}

interface Site {
  readonly places: Places;
  readonly binaries: Binaries;
  readonly user: User | undefined;
  readonly socket: string;
}

/** Attaches to the project's server, or starts it, making its data first where there is none. */
export async function openEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const places = placesIn(options.stateFolder, options.service);
  const user = await chooseUser(places.data, options.workspace);
  const binaries = await findBinaries(user);
  const hasData = await inspectData(places, binaries.major);
  const found = hasData ? "started" : "made";
  if (!hasData) {
    options.logger.info({ folder: places.data, as: user?.name }, "making the embedded database");
    await makeData(places, binaries, user);
  }
  const site = { places, binaries, user, socket: await socketFolder(places) };
  const { client, arrival } = await arrive(site);
  const server = new EmbeddedServer(
    site,
    { client, arrival: arrival === "started" ? found : arrival },
    options.logger,
  );
  await ensureDatabase(client);
  return server;
}

async function arrive(
  site: Site,
  signal?: AbortSignal,
): Promise<{ client: Client; arrival: "started" | "attached" }> {
  const deadlineAt = Date.now() + openTimeoutMs;
  let arrival: "started" | "attached" = "attached";
  let reason = "it was not ready in time";
  while (Date.now() < deadlineAt) {
    signal?.throwIfAborted();
    if ((await findPostmaster(site.places)) === undefined) {
      const outcome = await startPostmaster(site.places, { ...site, deadlineAt });
      if (outcome.kind === "failed") throw notStarted(outcome.reason, site);
      if (outcome.kind === "ready") arrival = "started";
    }
    try {
      return { client: await attend(site.socket), arrival };
    } catch (error) {
      reason = messageOf(error);
      await sleep(25);
    }
  }
  throw notStarted(reason, site);
}

function notStarted(reason: string, site: Site): XcoreError {
  return new XcoreError("SERVICE_UNAVAILABLE", `the embedded Postgres does not start: ${reason}`, {
    hint: `See ${site.places.log}. Free space, free shared memory and the owner of ${site.places.data} are the usual causes.`,
    details: { folder: site.places.data, log: site.places.log },
  });
}

/** Connects and takes the shared lock; it waits while a last one is stopping the server, and then fails with it. */
async function attend(socket: string): Promise<Client> {
  const client = new Client({
    ...connectionTo(socket),
    connectionTimeoutMillis: 5_000,
    application_name: "xcore presence",
  });
  // Without a listener the end of the server would be an uncaught error; `end` tells the same.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("select pg_advisory_lock_shared($1)", [presenceKey]);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

async function isLast(presence: Client): Promise<boolean> {
  await presence.query("select pg_advisory_unlock_shared($1)", [presenceKey]);
  const { rows } = await presence.query<{ alone: boolean }>("select pg_try_advisory_lock($1) as alone", [
    presenceKey,
  ]);
  return rows[0]?.alone === true;
}

async function ensureDatabase(client: Client): Promise<void> {
  const { rowCount } = await client.query("select from pg_database where datname = 'xcore'");
  if (rowCount !== 0) return;
  await client.query("create database xcore").catch((error: unknown) => {
    // 42P04 and 23505: another process was quicker.
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "42P04" && code !== "23505") throw error;
  });
}

function connectionTo(socket: string): Connection {
  return {
    host: socket,
    port: 5432,
    user: "xcore",
    password: undefined,
    database: "postgres",
    ssl: undefined,
  };
}

// PGlite in this process behind a private socket, so that everything that speaks to a Postgres speaks to it. One process at a time.
import { chmod, mkdir, open, readFile, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { sleep } from "../../../base/deadline.ts";
import { messageOf, systemCode, XcoreError } from "../../../base/error.ts";
import type { Logger } from "../../../base/log.ts";
import type { Connection } from "../database.ts";
import { coreUser, Sessions } from "./sessions.ts";

export interface PgliteServer extends AsyncDisposable {
  readonly connection: Connection;
}

/** `home`: `.xcore/<service>/`. */
export async function openPglite(home: string, logger: Logger): Promise<PgliteServer> {
  await using opening = new AsyncDisposableStack();
  await mkdir(home, { recursive: true, mode: 0o700 });
  opening.use(await takeOwnership(join(home, "pglite.pid")));
  const sockets = new Set<Socket>();
  const ended = new AbortController();
  let engine = await start(join(home, "pglite"));
  opening.defer(async () => {
    ended.abort();
    await sessions.catch(() => undefined);
    await engine.close();
  });
  let sessions = Promise.resolve(await openSessions());
  async function openSessions(): Promise<Sessions> {
    const { rows } = await engine.query<{ version: string }>(
      "select current_setting('server_version') as version",
    );
    let dead = false;
    return new Sessions(engine, rows[0]?.version ?? "", (error) => {
      if (dead) return;
      dead = true;
      logger.error({ error: messageOf(error) }, "PGlite has ended; starting it again");
      for (const socket of sockets) socket.destroy();
      sessions = restart();
    });
  }
  async function restart(): Promise<Sessions> {
    await engine.close().catch(() => undefined);
    for (;;) {
      try {
        engine = await start(join(home, "pglite"));
        return await openSessions();
      } catch (error) {
        logger.error({ error: messageOf(error) }, "PGlite does not start");
        await sleep(2_000, ended.signal);
      }
    }
  }
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    sessions.then((open) => open.serve(socket)).catch(() => socket.destroy());
  });
  const path = join(home, ".s.PGSQL.5432");
  await rm(path, { force: true });
  server.listen(path);
  await once(server, "listening");
  opening.defer(async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  await chmod(path, 0o600);
  const parts = opening.move();
  return {
    connection: {
      host: home,
      port: 5432,
      user: coreUser,
      password: undefined,
      database: "postgres",
      ssl: undefined,
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function start(folder: string): Promise<PGlite> {
  const { PGlite } = await import("@electric-sql/pglite").catch((error: unknown) => {
    throw new XcoreError(
      "PART_MISSING",
      "driver pglite needs the package @electric-sql/pglite, which is not installed",
      {
        hint: "npm install @electric-sql/pglite@0.5.8, or use driver: embedded, or postgres and its url.",
        cause: error,
      },
    );
  });
  try {
    return await PGlite.create({ dataDir: folder });
  } catch (error) {
    throw new XcoreError("SERVICE_UNAVAILABLE", `PGlite does not start: ${messageOf(error)}`, {
      hint: `If ${folder} is damaged or was made by another version, move it away and start with an empty database.`,
      cause: error,
    });
  }
}

/** PGlite itself lets two processes write to one folder, and loses what they wrote. */
async function takeOwnership(file: string): Promise<AsyncDisposable> {
  for (let tries = 0; ; tries += 1) {
    try {
      await using handle = await open(file, "wx", 0o600);
      await handle.writeFile(`${process.pid}\n`);
      return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
      const owner = Number.parseInt(await readFile(file, "utf8").catch(() => ""), 10);
      if (tries > 2 || isAlive(owner)) throw taken(owner, file);
      await rm(file, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}

function taken(owner: number, file: string): XcoreError {
  return new XcoreError("LOCKED", `PGlite belongs to one process, and process ${owner} has it`, {
    hint: `Stop that one (xcore stop), or use driver: embedded or postgres, which many processes share. ${file} says who has it.`,
    details: { pid: owner, file },
  });
}

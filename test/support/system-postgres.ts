// A system Postgres of Debian's with a data folder of its own, that tests may stop, kill, fill and reconfigure.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFile, chown, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { systemPostgresBin } from "../../scripts/test-parts.ts";
import { freePort } from "./ports.ts";

const run = promisify(execFile);

export interface SystemPostgres extends AsyncDisposable {
  readonly port: number;
  /** As its superuser `xcore`, database `postgres`. */
  readonly url: string;
  readonly folder: string;
  readonly pid: number;
  /** Resolves when it takes connections. */
  start(): Promise<void>;
  /** SIGINT: sessions are ended, data is written (pg_ctl stop -m fast); SIGQUIT: as a crash; SIGKILL of the postmaster. */
  stop(signal?: "SIGINT" | "SIGQUIT" | "SIGKILL"): Promise<void>;
  /** Lines for postgresql.conf, in force from the next start. */
  configure(lines: string): Promise<void>;
  /** Replaces pg_hba.conf, in force from the next start. */
  admit(lines: string): Promise<void>;
}

export interface SystemPostgresOptions {
  /** Where its folder is made. Default: the temporary folder. */
  parent?: string;
  /** Lines for postgresql.conf. */
  settings?: string;
}

export async function startSystemPostgres(options: SystemPostgresOptions = {}): Promise<SystemPostgres> {
  const bin = await systemPostgresBin();
  const folder = await realpath(await mkdtemp(join(options.parent ?? tmpdir(), "xcore-pg-")));
  // Postgres refuses root; Debian's package brings a user for it.
  const user = process.getuid?.() === 0 ? await postgresUser() : undefined;
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const data = join(folder, "data");
  await run(join(bin, "initdb"), ["-D", data, "-U", "xcore", "-A", "trust", "--no-sync"], {
    ...user,
    cwd: folder,
  });
  const port = await freePort();
  const configure = (lines: string): Promise<void> =>
    appendFile(join(data, "postgresql.conf"), `\n${lines}\n`);
  await configure(
    `port = ${port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '${folder}'\nfsync = off\n${options.settings ?? ""}`,
  );
  let server: ChildProcess | undefined;
  const begin = (): ChildProcess =>
    spawn(join(bin, "postgres"), ["-D", data], { ...user, cwd: folder, stdio: "ignore" });
  const gone = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;
  const postgres: SystemPostgres = {
    port,
    url: `postgres://xcore@127.0.0.1:${port}/postgres`,
    folder,
    get pid() {
      return server?.pid ?? 0;
    },
    async start() {
      server = begin();
      for (let tries = 1; !(await answers(folder, port)); tries += 1) {
        if (tries > 1200) throw new Error("the system Postgres does not come up");
        await new Promise((resolve) => setTimeout(resolve, 50));
        // After a kill of the postmaster its children hold the data for a moment.
        if (gone(server)) server = begin();
      }
    },
    async stop(signal = "SIGINT") {
      if (server === undefined || gone(server)) return;
      const ended = once(server, "exit");
      server.kill(signal);
      await ended;
    },
    configure,
    async admit(lines) {
      const file = join(data, "pg_hba.conf");
      await run("cp", ["/dev/null", file]);
      await appendFile(file, `${lines}\n`);
    },
    async [Symbol.asyncDispose]() {
      await postgres.stop("SIGQUIT");
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
  try {
    await postgres.start();
  } catch (error) {
    await postgres[Symbol.asyncDispose]();
    throw error;
  }
  return postgres;
}

async function answers(folder: string, port: number): Promise<boolean> {
  const client = new Client({ host: folder, port, user: "xcore", database: "postgres" });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return true;
  } catch (error) {
    // It refuses this session, and that is an answer, too; 57P03 is "the database system is starting up".
    return error instanceof Error && "code" in error && /^(28|53)/.test(String(error.code));
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function postgresUser(): Promise<{ uid: number; gid: number }> {
  const line = (await readFile("/etc/passwd", "utf8"))
    .split("\n")
    .find((entry) => entry.startsWith("postgres:"));
  const [, , uid, gid] = line?.split(":") ?? [];
  if (uid === undefined || gid === undefined) throw new Error("there is no user 'postgres'");
  return { uid: Number(uid), gid: Number(gid) };
}

// Runs the psql of this machine on a connection; the password never stands on a command line.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { XcoreError, systemCode } from "../core/base/error.ts";
import type { Connection } from "../core/index.ts";

// Ctrl-C ends a query inside psql, not us.
const ignore = (): void => undefined;

/** Resolves with its exit code. `PART_MISSING` where there is no psql. */
export async function runPsql(connection: Connection, args: readonly string[]): Promise<number> {
  const { host, port, user, password, database, ssl } = connection;
  process.on("SIGINT", ignore);
  try {
    const child = spawn("psql", [...args], {
      stdio: "inherit",
      env: {
        ...process.env,
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: user,
        PGDATABASE: database,
        ...(password === undefined ? {} : { PGPASSWORD: password }),
        ...(ssl === undefined || ssl === false ? {} : { PGSSLMODE: "require" }),
      },
    });
    const [code] = (await once(child, "exit")) as [number | null];
    return code ?? 1;
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    throw new XcoreError("PART_MISSING", "there is no psql on this machine", {
      hint: `Install it (Debian: apt-get install postgresql-client; macOS: brew install libpq), or use any client: host ${host}, port ${port}, database ${database}, user ${user}.`,
    });
  } finally {
    process.off("SIGINT", ignore);
  }
}

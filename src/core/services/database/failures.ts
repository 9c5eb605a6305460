// What a failure of Postgres becomes: for a plugin a coded error with Postgres' words and nothing of the host.
import { DatabaseError } from "pg";
import { messageOf, XcoreError } from "../../base/error.ts";

/** The five characters Postgres names an error by, if it is one of Postgres. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

/** The connection is gone or was never there: nothing about the statement itself. */
export function isConnectionFailure(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return !(error instanceof XcoreError);
  return state.startsWith("08") || ["57P01", "57P02", "57P03", "53300"].includes(state);
}

/** For the plugin `who`: message, hint and place of the fault as Postgres tells them; file names and addresses of the host stay here. */
export function pluginFailure(who: string, error: unknown): XcoreError {
  if (error instanceof XcoreError) return error;
  if (!(error instanceof DatabaseError) || isConnectionFailure(error)) {
    return new XcoreError("SERVICE_UNAVAILABLE", `plugin '${who}': the database is not reachable`, {
      hint: "Try again; xcore status tells what is wrong with the database.",
      cause: error,
    });
  }
  if (error.code === "53100") {
    return new XcoreError("SERVICE_UNAVAILABLE", `plugin '${who}': the database's disk is full`, {
      hint: "Reading still works. Free space on the database's disk, then try again.",
      cause: error,
    });
  }
  const { code, detail, hint, constraint, table, column } = error;
  const position = Number(error.position);
  const details = { sqlstate: code, ...(position > 0 && { position }), detail, constraint, table, column };
  return new XcoreError("DATABASE_ERROR", `plugin '${who}': ${messageOf(error)}`, {
    ...(hint !== undefined && { hint }),
    details: Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined)),
    cause: error,
  });
}

// ctx.log: lines with fields, to the server's log under the plugin's name.
import { errorJson, messageOf } from "./errors.ts";
import type { Outbox } from "./outbox.ts";
import type { Log } from "./plugin-api.ts";
import { freeze, jsonParse, jsonStringify } from "./primordials.ts";

/** `call`: the id of the one that its lines are written in. */
export function makeLog(outbox: Outbox, call: number): Log {
  const line =
    (level: "debug" | "info" | "warn" | "error") =>
    (message: string, fields?: object): void =>
      outbox.log(level, String(message), fieldsJson(fields), call);
  return freeze({ debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") });
}

function fieldsJson(fields: object | undefined): string {
  if (typeof fields !== "object" || fields === null) return "{}";
  try {
    return jsonStringify(fields instanceof Error ? { error: fields } : fields, printable) ?? "{}";
  } catch (error) {
    return jsonStringify({ fields: `not JSON: ${messageOf(error)}` }) ?? "{}";
  }
}

/** An Error has no enumerable fields: without this it would be logged as {}. */
function printable(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Error ? jsonParse(errorJson(value)) : value;
}

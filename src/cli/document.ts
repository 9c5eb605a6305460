// The one shape of everything that --json prints.
import { errorData } from "../core/base/error.ts";

/** Raised when a field is taken away or comes to mean something else; fields that are added leave it as it is. */
const documentFormat = 1;

/** `{ ok: true, format, ...result }`. */
export function successDocument(result: object): object {
  return { ok: true, format: documentFormat, ...result };
}

/** `{ ok: false, format, error: { code, message, hint?, details? } }` of whatever was thrown. */
export function errorDocument(error: unknown): object {
  return { ok: false, format: documentFormat, error: errorData(error) };
}

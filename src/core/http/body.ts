// A request's body as it enters an isolate: one string, with its encoding, capped.
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { BodyEncoding } from "../../wire/host-calls.ts";
import { formatSize } from "../base/units.ts";
import { XcoreError } from "../base/error.ts";

export interface Body {
  text: string;
  encoding: BodyEncoding;
}

const empty: Body = { text: "", encoding: "utf8" };

/** Reads to the end. `PAYLOAD_TOO_LARGE` as soon as it is known; `CALL_CANCELLED` when the client goes. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Body> | Body {
  const length = request.headers["content-length"];
  if (length === undefined && request.headers["transfer-encoding"] === undefined) return empty;
  if (length === "0") return empty;
  if (Number(length) > maxBytes) throw tooLarge(maxBytes);
  return collect(request, maxBytes);
}

function collect(request: IncomingMessage, maxBytes: number): Promise<Body> {
  const { promise, resolve, reject } = Promise.withResolvers<Body>();
  const chunks: Buffer[] = [];
  let size = 0;
  const onData = (chunk: Buffer): void => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else {
      request.off("data", onData);
      request.resume();
      reject(tooLarge(maxBytes));
    }
  };
  request.on("data", onData);
  request.once("end", () => {
    const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    const encoding = isUtf8(bytes) ? "utf8" : "latin1";
    resolve({ text: bytes.toString(encoding), encoding });
  });
  const onGone = (): void => reject(new XcoreError("CALL_CANCELLED", "the client closed the connection"));
  request.once("error", onGone);
  request.once("aborted", onGone);
  return promise;
}

function tooLarge(maxBytes: number): XcoreError {
  return new XcoreError("PAYLOAD_TOO_LARGE", `the request's body is larger than ${formatSize(maxBytes)}`, {
    hint: "Raise server.maxBody in integration.yaml if plugins need larger bodies.",
  });
}

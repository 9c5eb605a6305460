// A request's body as it enters an isolate: small ones whole, as one string with its encoding; others piece by piece. All are capped.
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { BodyEncoding } from "../../wire/host-calls.ts";
import { formatSize } from "../base/units.ts";
import { XcoreError } from "../base/error.ts";
import { IncomingBody } from "./incoming-body.ts";

export interface WholeBody {
  text: string;
  encoding: BodyEncoding;
}

export const noBody: WholeBody = { text: "", encoding: "utf8" };

/** Bodies up to this size go whole. */
const smallBytes = 64 * 1024;

/** Reads to the end. `PAYLOAD_TOO_LARGE` as soon as it is known; `CALL_CANCELLED` when the client goes. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<WholeBody> | WholeBody {
  return checkLength(request, maxBytes) === "none" ? noBody : collect(request, maxBytes);
}

/** The whole of a small body; of another one what comes as it comes. Fails as `readBody` does, before it is open. */
export function openBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<WholeBody | IncomingBody> | WholeBody | IncomingBody {
  switch (checkLength(request, maxBytes)) {
    case "none":
      return noBody;
    case "small":
      return collect(request, maxBytes);
    case "large":
      return new IncomingBody(request, { maxBytes, begun: [], tooLarge: () => tooLarge(maxBytes) });
    case "unknown":
      return begin(request, maxBytes);
  }
}

function checkLength(request: IncomingMessage, maxBytes: number): "none" | "small" | "large" | "unknown" {
  const length = request.headers["content-length"];
  if (length === undefined) return request.headers["transfer-encoding"] === undefined ? "none" : "unknown";
  if (length === "0") return "none";
  if (Number(length) > maxBytes) throw tooLarge(maxBytes);
  return Number(length) > smallBytes ? "large" : "small";
}

function collect(request: IncomingMessage, maxBytes: number): Promise<WholeBody> {
  const { promise, resolve, reject } = Promise.withResolvers<WholeBody>();
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
  request.once("end", () => resolve(whole(chunks)));
  const onGone = (): void => reject(gone());
  request.once("error", onGone);
  request.once("aborted", onGone);
  return promise;
}

/** Nobody has said how long it is: what has come within one turn of the event loop decides. */
function begin(request: IncomingMessage, maxBytes: number): Promise<WholeBody | IncomingBody> {
  const { promise, resolve, reject } = Promise.withResolvers<WholeBody | IncomingBody>();
  const begun: Buffer[] = [];
  let waiting: NodeJS.Immediate | undefined;
  const leave = (): void => {
    clearImmediate(waiting);
    request.off("data", onData).off("end", onEnd).off("error", onGone).off("aborted", onGone);
  };
  const onData = (chunk: Buffer): void => {
    begun.push(chunk);
    waiting ??= setImmediate(() => {
      leave();
      request.pause();
      resolve(new IncomingBody(request, { maxBytes, begun, tooLarge: () => tooLarge(maxBytes) }));
    });
  };
  const onEnd = (): void => {
    leave();
    if (begun.reduce((size, chunk) => size + chunk.length, 0) > maxBytes) reject(tooLarge(maxBytes));
    else resolve(whole(begun));
  };
  const onGone = (): void => {
    leave();
    reject(gone());
  };
  request.on("data", onData).once("end", onEnd).once("error", onGone).once("aborted", onGone);
  return promise;
}

function whole(chunks: readonly Buffer[]): WholeBody {
  const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  const encoding = isUtf8(bytes) ? "utf8" : "latin1";
  return { text: bytes.toString(encoding), encoding };
}

function gone(): XcoreError {
  return new XcoreError("CALL_CANCELLED", "the client closed the connection");
}

function tooLarge(maxBytes: number): XcoreError {
  return new XcoreError("PAYLOAD_TOO_LARGE", `the request's body is larger than ${formatSize(maxBytes)}`, {
    hint: "Raise server.maxBody in integration.yaml if plugins need larger bodies.",
  });
}

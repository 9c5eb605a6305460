// Fetches an archive over http(s) into a file, under caps, and hashes it on its way; redirects stay within https.
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { XcoreError, messageOf } from "../../base/error.ts";
import { formatSize } from "../../base/units.ts";
import type { Caps } from "./caps.ts";
import { isLoopback } from "./source.ts";

export interface DownloadOptions {
  url: string;
  file: string;
  caps: Caps;
  signal: AbortSignal;
  /** For the first server only; a redirect to another one goes without them. */
  headers?: Readonly<Record<string, string>>;
  onProgress(message: string): void;
}

const mostRedirects = 5;

/** The digest of what came, `sha512-…`. Throws `SOURCE_UNREACHABLE`, or `SOURCE_INVALID` when it is larger than the cap. */
export async function download(options: DownloadOptions): Promise<string> {
  const { url, file, caps, onProgress } = options;
  const deadline = AbortSignal.timeout(caps.fetchMs);
  const idle = new AbortController();
  let timer = setTimeout(() => idle.abort(), caps.idleMs);
  try {
    const response = await follow(url, {
      signal: AbortSignal.any([deadline, idle.signal, options.signal]),
      headers: { accept: "*/*", ...options.headers },
    });
    if (response.body === null) throw unreachable(url, "the answer is empty");
    const total = Number(response.headers.get("content-length") ?? Number.NaN);
    if (total > caps.transferBytes) throw tooLarge(url, caps);
    const of = total > 0 ? ` of ${formatSize(total)}` : "";
    const hash = createHash("sha512");
    let received = 0;
    const counted = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        clearTimeout(timer);
        timer = setTimeout(() => idle.abort(), caps.idleMs);
        received += chunk.length;
        if (received > caps.transferBytes) throw tooLarge(url, caps);
        hash.update(chunk);
        onProgress(`fetched ${formatSize(received)}${of}`);
        yield chunk;
      }
    };
    await pipeline(response.body, counted, createWriteStream(file, { flags: "wx" }), {
      signal: options.signal,
    });
    return `sha512-${hash.digest("base64")}`;
  } catch (error) {
    if (error instanceof XcoreError) throw error;
    options.signal.throwIfAborted();
    if (idle.signal.aborted || deadline.aborted) throw unreachable(url, "the server does not answer in time");
    throw unreachable(
      url,
      error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error),
    );
  } finally {
    clearTimeout(timer);
  }
}

/** The answer after redirects. Throws `SOURCE_UNREACHABLE` for one that is no success, or leads where it may not. */
export async function follow(
  start: string,
  { signal, headers }: { signal: AbortSignal; headers: Readonly<Record<string, string>> },
): Promise<Response> {
  let url = new URL(start);
  let sent: Readonly<Record<string, string>> = headers;
  for (let hop = 0; hop <= mostRedirects; hop += 1) {
    const response = await fetch(url, { redirect: "manual", signal, headers: sent });
    const location = response.headers.get("location");
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      const next = URL.parse(location, url.href);
      if (next === null || (next.protocol !== "https:" && next.origin !== url.origin)) {
        throw unreachable(start, `it redirects to ${location.slice(0, 200)}, which is not https`);
      }
      // What the internet serves may not point at a server of this machine.
      if (isLoopback(next.hostname) && !isLoopback(url.hostname)) {
        throw unreachable(start, "it redirects to this machine");
      }
      if (next.origin !== url.origin) sent = { accept: headers["accept"] ?? "*/*" };
      url = next;
      continue;
    }
    if (response.ok) return response;
    await response.body?.cancel();
    throw unreachable(start, `the server answers ${response.status}`);
  }
  throw unreachable(start, `it redirects more than ${mostRedirects} times`);
}

export function unreachable(url: string, why: string): XcoreError {
  return new XcoreError("SOURCE_UNREACHABLE", `${url}: ${why}`, {
    hint: "Check the address and your network, then try again.",
    details: { url },
  });
}

function tooLarge(url: string, caps: Caps): XcoreError {
  return new XcoreError("SOURCE_INVALID", `${url} is larger than ${formatSize(caps.transferBytes)}`, {
    hint: "Ask its author to leave out what does not run.",
  });
}

// Fetches an archive over http(s) into a file, under caps; redirects stay within https.
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
  onProgress(message: string): void;
}

const mostRedirects = 5;

/** Throws `SOURCE_UNREACHABLE`, or `SOURCE_INVALID` when it is larger than the cap. */
export async function download(options: DownloadOptions): Promise<void> {
  const { url, file, caps, onProgress } = options;
  const deadline = AbortSignal.timeout(caps.fetchMs);
  const idle = new AbortController();
  let timer = setTimeout(() => idle.abort(), caps.idleMs);
  try {
    const response = await follow(url, AbortSignal.any([deadline, idle.signal, options.signal]));
    if (response.body === null) throw unreachable(url, "the answer is empty");
    let received = 0;
    const counted = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        clearTimeout(timer);
        timer = setTimeout(() => idle.abort(), caps.idleMs);
        received += chunk.length;
        if (received > caps.transferBytes) throw tooLarge(url, caps);
        onProgress(`fetched ${formatSize(received)}`);
        yield chunk;
      }
    };
    await pipeline(response.body, counted, createWriteStream(file, { flags: "wx" }), {
      signal: options.signal,
    });
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

async function follow(start: string, signal: AbortSignal): Promise<Response> {
  let url = new URL(start);
  for (let hop = 0; hop <= mostRedirects; hop += 1) {
    const response = await fetch(url, { redirect: "manual", signal, headers: { accept: "*/*" } });
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
      url = next;
      continue;
    }
    if (response.ok) return response;
    await response.body?.cancel();
    throw unreachable(start, `the server answers ${response.status}`);
  }
  throw unreachable(start, `it redirects more than ${mostRedirects} times`);
}

function unreachable(url: string, why: string): XcoreError {
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

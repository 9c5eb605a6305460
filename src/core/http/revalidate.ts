// Conditional requests (RFC 9110, 13): an answer that says by Cache-Control that it may be kept gets an ETag, and a client that has it already is told so.
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { PluginResponse } from "../plugins/exchange.ts";

/** Names of headers that describe the body: a 304 has none. */
const ofBody = /^content-(?:type|length|encoding|language|disposition|range)$/i;

/**
 * The answer as it is, with an ETag, or 304 without a body. Nothing is stored here: the plugin answers each request, and a client is told 304
 * only if that very answer is what it has. Left alone are answers that say nothing about keeping, that must not be kept, that set a cookie, and streams.
 */
export function revalidated(request: IncomingMessage, answer: PluginResponse): PluginResponse {
  const { headers, status, stream, body, encoding } = answer;
  if (status !== 200 || stream !== undefined || (request.method !== "GET" && request.method !== "HEAD"))
    return answer;
  let keeping: string | undefined;
  let etag: string | undefined;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? "";
    if (name.length === 13 && name.toLowerCase() === "cache-control") keeping = headers[at + 1];
    else if (name.length === 10 && name.toLowerCase() === "set-cookie") return answer;
    else if (name.length === 4 && name.toLowerCase() === "etag") etag = headers[at + 1];
  }
  if (keeping === undefined || /no-store/i.test(keeping)) return answer;
  // A HEAD whose handler gave no body says nothing of what a GET would be given.
  if (etag === undefined && request.method === "HEAD" && body === "") return answer;
  const tag = etag ?? `"${createHash("sha256").update(body, encoding).digest("base64url").slice(0, 27)}"`;
  const tagged = etag === undefined ? [...headers, "etag", tag] : headers;
  if (!matches(request.headers["if-none-match"], tag)) return { ...answer, headers: tagged };
  const kept = tagged.filter((_, at) => !ofBody.test(tagged[at - (at % 2)] ?? ""));
  return { ...answer, status: 304, headers: kept, body: "", encoding: "utf8" };
}

/** Weakly: `W/"a"` and `"a"` are the same (RFC 9110, 8.8.3.2). */
function matches(wanted: string | undefined, tag: string): boolean {
  if (wanted === undefined) return false;
  if (wanted.trim() === "*") return true;
  const plain = tag.replace(/^W\//, "");
  return (wanted.match(/(?:W\/)?"[^"]*"/g) ?? []).some((one) => one.replace(/^W\//, "") === plain);
}

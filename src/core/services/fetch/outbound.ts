// fetch for plugins: allowed hosts only, every redirect checked.
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { messageOf, XcoreError } from "../../base/error.ts";
import type { Facade, PluginIdentity } from "../service.ts";
import type { PrivateNetworks } from "./addresses.ts";
import { fetchCalls, type IncomingAnswer, type OutgoingRequest } from "./fetch-calls.ts";

const maxRedirects = 10;
/** Of an answer that nobody reads so much is taken from its connection. */
const heldBytes = 128 * 1024;

/** Sends the requests of all plugins of a server. */
export class Outbound implements AsyncDisposable {
  readonly #openTo: (plugin: string) => PrivateNetworks;
  /**
   * Plugins to which the same is open share connections; others never do, or one would get through by what another had opened.
   */
  readonly #agents = new Map<string, Promise<Dispatcher>>();

  /** `openTo`: what a plugin may reach although it is not public, as it is now. */
  constructor(openTo: (plugin: string) => PrivateNetworks) {
    this.#openTo = openTo;
  }

  /** One table for each revision: what it leaves open is its own. */
  calls(plugin: PluginIdentity): Facade["calls"] {
    return fetchCalls(plugin, (request, signal) => this.#request(plugin, request, signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#agents.values()].map(async (agent) => (await agent).destroy()));
  }

  // undici is large, and most starts do without it.
  #agentFor(plugin: string): Promise<Dispatcher> {
    const open = this.#openTo(plugin);
    const key = open.toSorted().join(" ");
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const made = import("./connector.ts").then(({ guardedAgent }) => guardedAgent(open));
    this.#agents.set(key, made);
    return made;
  }

  async #request(
    plugin: PluginIdentity,
    request: OutgoingRequest,
    signal: AbortSignal,
  ): Promise<IncomingAnswer> {
    let url = checkedUrl(plugin, request.url);
    const dispatcher = await this.#agentFor(plugin.name);
    let { method, headers, body } = request;
    for (let hop = 0; ; hop += 1) {
      const response = await this.#send({ ...request, method, headers, body }, url, { dispatcher, signal });
      const location = header(response, "location");
      const redirected = [301, 302, 303, 307, 308].includes(response.statusCode) && location !== undefined;
      if (!redirected || request.redirect === "manual") return answerOf(response, url, hop > 0);
      await response.body.dump();
      if (request.redirect === "error") throw new XcoreError("FETCH_FAILED", `fetch: ${url.host} redirects`);
      if (hop === maxRedirects)
        throw new XcoreError("FETCH_FAILED", `fetch: more than ${maxRedirects} redirects`);
      const next = checkedUrl(plugin, new URL(location, url).href);
      // RFC 9110 15.4: 303, and by custom 301 and 302 after POST, continue as GET without the body.
      if (response.statusCode === 303 || (response.statusCode < 303 && method === "POST")) {
        method = method === "HEAD" ? "HEAD" : "GET";
        body = undefined;
      }
      if (isStream(body)) throw sentOnce(url);
      // Fetch standard, HTTP-redirect fetch: credentials do not follow to another origin.
      if (next.origin !== url.origin)
        headers = headers.filter(([name]) => !/^(authorization|cookie)$/i.test(name));
      url = next;
    }
  }

  async #send(
    { method, headers, body }: OutgoingRequest,
    url: URL,
    { dispatcher, signal }: { dispatcher: Dispatcher; signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    const { request: send } = await import("undici");
    // Its length is known to whoever wrote the stream; of a whole body undici knows it.
    const left = isStream(body)
      ? /^(host|connection|transfer-encoding)$/i
      : /^(host|connection|transfer-encoding|content-length)$/i;
    try {
      return await send(url, {
        dispatcher,
        method: method as Dispatcher.HttpMethod,
        headers: headers.filter(([name]) => !left.test(name)).flat(),
        ...(body === undefined ? {} : { body }),
        highWaterMark: heldBytes,
        // Bodies have limits of their own: the plugin's.
        bodyTimeout: 0,
        ...(isStream(body) ? { headersTimeout: 0 } : {}),
        signal,
      });
    } catch (error) {
      throw failure(error, url);
    }
  }
}

function isStream(body: OutgoingRequest["body"]): body is Readable {
  return body !== undefined && !Buffer.isBuffer(body);
}

function sentOnce({ host }: URL): XcoreError {
  return new XcoreError(
    "FETCH_FAILED",
    `fetch: ${host} redirects, and the request's body is a stream: it can't be sent twice`,
    { hint: "Fetch the address it leads to, or give the body as text or bytes." },
  );
}

/** What undici threw as a coded error; a refusal of the connector keeps its own code. */
function failure(error: unknown, url: URL): XcoreError {
  const cause = error instanceof Error && error.cause instanceof XcoreError ? error.cause : error;
  if (cause instanceof XcoreError) return cause;
  return new XcoreError("FETCH_FAILED", `fetch: ${url.host}: ${messageOf(error)}`, { cause: error });
}

function checkedUrl(plugin: PluginIdentity, text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new XcoreError("FETCH_REFUSED", `fetch: '${text.slice(0, 100)}' is not an http or https address`);
  }
  const allowed = plugin.permissions.fetch.some((pattern) => {
    const [host = "", port] = pattern.split(/:(?=\d+$)/);
    if (port !== undefined && port !== (url.port === "" ? defaultPort(url) : url.port)) return false;
    if (port === undefined && url.port !== "") return false;
    return host.startsWith("*.") ? url.hostname.endsWith(host.slice(1)) : url.hostname === host;
  });
  if (allowed && url.username === "" && url.password === "") return url;
  throw new XcoreError("FETCH_REFUSED", `plugin '${plugin.name}' may not fetch from '${url.host}'`, {
    hint: `Allowed are: ${plugin.permissions.fetch.join(", ")}. Add the host to permissions.fetch in plugin.yaml and approve it.`,
  });
}

function answerOf(response: Dispatcher.ResponseData, url: URL, redirected: boolean): IncomingAnswer {
  return {
    url: url.href,
    status: response.statusCode,
    statusText: response.statusText,
    redirected,
    headers: Object.entries(response.headers).flatMap(([name, value]): [string, string][] =>
      (Array.isArray(value) ? value : [value ?? ""]).map((one) => [name, one]),
    ),
    body: response.body,
  };
}

function header(response: Dispatcher.ResponseData, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function defaultPort(url: URL): string {
  return url.protocol === "https:" ? "443" : "80";
}

// fetch for plugins: allowed hosts only, every redirect checked, sizes and times capped.
import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import type { Dispatcher } from "undici";
import { messageOf, XcoreError } from "../../base/error.ts";
import { formatSize } from "../../base/units.ts";
import type { Facade, HostCallContext, PluginIdentity, Reply } from "../service.ts";
import type { PrivateNetworks } from "./addresses.ts";

const maxResponseBytes = 8 * 1024 * 1024;
const maxRedirects = 10;

const Arguments = Type.Object({
  url: Type.String({ maxLength: 8192 }),
  method: Type.String({ pattern: "^[A-Z]{1,16}$" }),
  headers: Type.Array(Type.Tuple([Type.String(), Type.String()]), { maxItems: 100 }),
  body: Type.Optional(Type.String()),
  encoding: Type.Optional(Type.Union([Type.Literal("utf8"), Type.Literal("latin1")])),
  redirect: Type.Union([Type.Literal("follow"), Type.Literal("error"), Type.Literal("manual")]),
});
type Arguments = Static<typeof Arguments>;

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

  calls(plugin: PluginIdentity): Facade["calls"] {
    return { "fetch.request": (args, context) => this.#request(plugin, args, context) };
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
    args: unknown,
    context: HostCallContext,
  ): Promise<Reply<"fetch.request">> {
    if (!Value.Check(Arguments, args)) {
      throw new XcoreError(
        "INPUT_INVALID",
        "fetch: url, method, headers and redirect are needed in their own shapes",
      );
    }
    let url = checkedUrl(plugin, args.url);
    const dispatcher = await this.#agentFor(plugin.name);
    let { method, headers, body } = args;
    for (let hop = 0; ; hop += 1) {
      const response = await this.#send(
        { ...args, method, headers, ...(body === undefined ? {} : { body }) },
        url,
        { context, dispatcher },
      );
      const location = header(response, "location");
      const redirected = [301, 302, 303, 307, 308].includes(response.statusCode) && location !== undefined;
      if (!redirected || args.redirect === "manual") return reply(response, url, hop > 0);
      await response.body.dump();
      if (args.redirect === "error") throw new XcoreError("FETCH_FAILED", `fetch: ${url.host} redirects`);
      if (hop === maxRedirects)
        throw new XcoreError("FETCH_FAILED", `fetch: more than ${maxRedirects} redirects`);
      const next = checkedUrl(plugin, new URL(location, url).href);
      // RFC 9110 15.4: 303, and by custom 301 and 302 after POST, continue as GET without the body.
      if (response.statusCode === 303 || (response.statusCode < 303 && method === "POST")) {
        method = method === "HEAD" ? "HEAD" : "GET";
        body = undefined;
      }
      // Fetch standard, HTTP-redirect fetch: credentials do not follow to another origin.
      if (next.origin !== url.origin)
        headers = headers.filter(([name]) => !/^(authorization|cookie)$/i.test(name));
      url = next;
    }
  }

  async #send(
    args: Arguments,
    url: URL,
    { context, dispatcher }: { context: HostCallContext; dispatcher: Dispatcher },
  ): Promise<Dispatcher.ResponseData> {
    const { request: send } = await import("undici");
    try {
      return await send(url, {
        dispatcher,
        method: args.method as Dispatcher.HttpMethod,
        headers: args.headers
          .filter(([name]) => !/^(host|connection|transfer-encoding|content-length)$/i.test(name))
          .flat(),
        ...(args.body === undefined ? {} : { body: Buffer.from(args.body, args.encoding ?? "utf8") }),
        signal: AbortSignal.any([context.signal, AbortSignal.timeout(context.timeoutMs)]),
      });
    } catch (error) {
      throw failure(error, url);
    }
  }
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

async function reply(
  response: Dispatcher.ResponseData,
  url: URL,
  redirected: boolean,
): Promise<Reply<"fetch.request">> {
  return {
    url: url.href,
    status: response.statusCode,
    statusText: response.statusText,
    redirected,
    headers: Object.entries(response.headers).flatMap(([name, value]): [string, string][] =>
      (Array.isArray(value) ? value : [value ?? ""]).map((one) => [name, one]),
    ),
    body: (await readAll(response, url)).toString("latin1"),
    encoding: "latin1",
  };
}

async function readAll(response: Dispatcher.ResponseData, url: URL): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxResponseBytes) throw tooLarge(url);
      chunks.push(chunk);
    }
  } catch (error) {
    throw failure(error, url);
  }
  return Buffer.concat(chunks);
}

function tooLarge(url: URL): XcoreError {
  return new XcoreError(
    "QUOTA_EXCEEDED",
    `fetch: the response of ${url.host} is larger than ${formatSize(maxResponseBytes)}`,
  );
}

function header(response: Dispatcher.ResponseData, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function defaultPort(url: URL): string {
  return url.protocol === "https:" ? "443" : "80";
}

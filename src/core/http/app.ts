// The listener of the server: plugins' requests go straight to them, everything else through a Koa chain.
import type { RequestListener } from "node:http";
import Koa from "koa";
import type { Context, Middleware } from "koa";
import { asXcoreError, XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { writeFailure } from "./failure.ts";
import { mountRoot } from "./mount.ts";
import { pluginRequests, type PluginRequestOptions } from "./plugin-requests.ts";

export interface AppOptions extends Omit<PluginRequestOptions, "nextRequestId"> {
  /** Whether the server takes requests; behind /readyz. */
  ready(): Promise<boolean>;
  /** The Koa chain's own parts (admin): each answers what is its own and calls next otherwise. */
  middleware: readonly Middleware[];
}

/** Plugins' requests go straight to them; everything else through the Koa chain. */
export function createApp(options: AppOptions): RequestListener {
  const nextRequestId = requestIds();
  const toPlugin = pluginRequests({ ...options, nextRequestId });
  const toKoa = koaChain(options, nextRequestId).callback();
  return (request, response) => {
    if (request.url?.startsWith(mountRoot) === true) toPlugin(request, response);
    else void toKoa(request, response);
  };
}

function koaChain(options: AppOptions, nextRequestId: () => string): Koa {
  const app = new Koa();
  app.use(async (ctx, next) => {
    const id = nextRequestId();
    ctx.res.setHeader("x-request-id", id);
    ctx.respond = false;
    try {
      await next();
    } catch (error) {
      if (asXcoreError(error).code === "INTERNAL") {
        options.logger.error({ requestId: id, err: error }, "request failed");
      }
      writeFailure(ctx.res, error, { requestId: id, exposeFaults: options.exposeFaults });
    }
  });
  app.use(health(options.ready));
  app.use(logged(options.logger));
  for (const middleware of options.middleware) app.use(middleware);
  app.use((ctx) => {
    throw new XcoreError("NOT_FOUND", `nothing is at ${ctx.path}`, {
      hint: `Plugins answer under ${mountRoot}<plugin>/.`,
    });
  });
  return app;
}

/** Sends a JSON document; the body of every answer that is not a plugin's. */
export function sendJson(ctx: Context, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  ctx.res.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
  });
  ctx.res.end(ctx.method === "HEAD" ? undefined : text);
}

function logged(logger: Logger): Middleware {
  return async (ctx, next) => {
    const startedAt = performance.now();
    const { method, url } = ctx;
    ctx.res.once("finish", () => {
      const ms = Math.round((performance.now() - startedAt) * 100) / 100;
      const id = ctx.res.getHeader("x-request-id");
      logger.info({ id, method, url, status: ctx.res.statusCode, ms }, "request");
    });
    await next();
  };
}

function health(ready: () => Promise<boolean>): Middleware {
  return async (ctx, next) => {
    if (ctx.path === "/livez") return sendJson(ctx, 200, { status: "ok" });
    if (ctx.path !== "/readyz") return next();
    const isReady = await ready();
    return sendJson(ctx, isReady ? 200 : 503, { status: isReady ? "ok" : "not ready" });
  };
}

/** Ids that are unique across restarts and cheap: a random prefix and a counter. */
function requestIds(): () => string {
  const prefix = crypto.randomUUID().slice(0, 8);
  let count = 0;
  return () => `${prefix}-${(count += 1).toString(36)}`;
}

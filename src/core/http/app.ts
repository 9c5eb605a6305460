// The Koa chain: request id, log line, failure, health, what is handed in (admin), plugins.
import Koa from "koa";
import type { Context, Middleware } from "koa";
import { asXcoreError, XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Meter } from "../base/meter.ts";
import type { PluginRegistry } from "../plugins/registry.ts";
import { dispatch, pluginOf } from "./dispatch.ts";
import { writeFailure } from "./failure.ts";

export interface AppOptions {
  plugins: PluginRegistry;
  logger: Logger;
  meter: Meter;
  maxBodyBytes: number;
  exposeFaults: boolean;
  /** Whether the server takes requests; behind /readyz. */
  ready(): Promise<boolean>;
  /** Runs before the plugins; answers what is its own and calls next otherwise. */
  middleware: readonly Middleware[];
}

export function createApp(options: AppOptions): Koa {
  const app = new Koa();
  const nextId = requestIds();
  app.use(async (ctx, next) => {
    const id = nextId();
    ctx.res.setHeader("x-request-id", id);
    ctx.respond = false;
    try {
      await next();
    } catch (error) {
      if (asXcoreError(error).code === "INTERNAL")
        options.logger.error({ requestId: id, err: error }, "request failed");
      writeFailure(ctx.res, error, { requestId: id, exposeFaults: options.exposeFaults });
    }
  });
  app.use(health(options.ready));
  for (const middleware of options.middleware) app.use(middleware);
  app.use(pluginRequests(options));
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

function health(ready: () => Promise<boolean>): Middleware {
  return async (ctx, next) => {
    if (ctx.path === "/livez") return sendJson(ctx, 200, { status: "ok" });
    if (ctx.path !== "/readyz") return next();
    const isReady = await ready();
    return sendJson(ctx, isReady ? 200 : 503, { status: isReady ? "ok" : "not ready" });
  };
}

function pluginRequests(options: AppOptions): Middleware {
  const { plugins, logger, meter } = options;
  return async (ctx) => {
    const { req, res } = ctx;
    const plugin = pluginOf(req.url ?? "/", plugins);
    if (plugin === undefined)
      throw new XcoreError("NOT_FOUND", `nothing is at ${ctx.path}`, {
        hint: "Plugins answer under /app/<plugin>/.",
      });
    const startedAt = performance.now();
    let fault: XcoreError | undefined;
    try {
      await dispatch(plugin, req, res, options);
    } catch (error) {
      fault = asXcoreError(error);
      writeFailure(res, fault, {
        requestId: String(res.getHeader("x-request-id")),
        exposeFaults: options.exposeFaults,
      });
    }
    const ms = performance.now() - startedAt;
    const failed = res.statusCode >= 500;
    meter.record(ms, failed);
    plugin.meter.record(ms, failed);
    const line = {
      id: res.getHeader("x-request-id"),
      plugin: plugin.name,
      method: req.method,
      url: req.url,
      status: res.statusCode,
      ms: Math.round(ms * 100) / 100,
    };
    if (fault === undefined) logger.info(line, "request");
    else logger[levelOf(fault)]({ ...line, code: fault.code, ...fault.details }, fault.message);
  };
}

/** A plugin that is known to be down has been logged when it went down. */
function levelOf(fault: XcoreError): "error" | "warn" | "info" {
  if (fault.status < 500) return "info";
  return fault.code === "PLUGIN_NOT_READY" || fault.code === "PLUGIN_QUARANTINED" ? "warn" : "error";
}

/** Ids that are unique across restarts and cheap: a random prefix and a counter. */
function requestIds(): () => string {
  const prefix = crypto.randomUUID().slice(0, 8);
  let count = 0;
  return () => `${prefix}-${(count += 1).toString(36)}`;
}

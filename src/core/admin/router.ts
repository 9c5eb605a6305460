// The operations over HTTP under /_xcore/: bearer token, Host allow-list, JSON in and out, problem details on failure.
import { isIPv4 } from "node:net";
import { Router } from "@koa/router";
import type { Context, Middleware } from "koa";
import type { Json } from "../../wire/json.ts";
import { XcoreError } from "../base/error.ts";
import { sendJson } from "../http/app.ts";
import { readBody } from "../http/body.ts";
import type { OperationName, OperationTable } from "./operations.ts";
import { runOperation } from "./table.ts";
import type { AdminToken } from "./token.ts";

export const adminRoot = "/_xcore";
const maxBodyBytes = 1024 * 1024;

export interface AdminRouterOptions {
  table: OperationTable;
  token: AdminToken;
  /** Host names accepted beside the loopback ones and IP literals of the listening address. */
  allowedHosts: readonly string[];
}

type Params = (ctx: Context & { params: Record<string, string> }) => Json | Promise<Json>;

const named: Params = (ctx) => ({ name: ctx.params["name"] ?? "" });

const job: Params = (ctx) => ({ id: ctx.params["id"] ?? "" });
const jobName: Params = (ctx) => ({ plugin: ctx.params["plugin"] ?? "", name: ctx.params["name"] ?? "" });

export function adminMiddleware(options: AdminRouterOptions): Middleware[] {
  const router = new Router({ prefix: adminRoot });
  const route = (method: "get" | "post", path: string, operation: OperationName, params: Params): void => {
    router[method](path, async (ctx) => {
      const given = await params(ctx as unknown as Parameters<Params>[0]);
      sendJson(ctx as unknown as Context, 200, await runOperation(options.table, operation, given));
    });
  };
  route("get", "/status", "status", () => ({}));
  route("get", "/services", "service.list", () => ({}));
  route("get", "/plugins", "plugin.list", () => ({}));
  route("post", "/plugins/sync", "plugin.sync", () => ({}));
  route("get", "/plugins/:name", "plugin.info", named);
  route("post", "/plugins/:name/load", "plugin.load", named);
  route("post", "/plugins/:name/unload", "plugin.unload", named);
  route("post", "/plugins/:name/reload", "plugin.reload", named);
  route("post", "/plugins/:name/actions/:action", "plugin.call", async (ctx) => ({
    name: ctx.params["name"] ?? "",
    action: ctx.params["action"] ?? "",
    input: await jsonBody(ctx),
    ...tenantIn(ctx),
  }));
  route("get", "/jobs", "job.list", (ctx) => jobFilter(ctx));
  route("get", "/jobs/:id", "job.show", job);
  route("post", "/jobs/:id/retry", "job.retry", job);
  route("post", "/jobs/:id/cancel", "job.cancel", job);
  route("post", "/jobs/:plugin/:name/run", "job.run", async (ctx) => ({
    plugin: ctx.params["plugin"] ?? "",
    name: ctx.params["name"] ?? "",
    data: await jsonBody(ctx),
    ...tenantIn(ctx),
  }));
  route("post", "/jobs/:plugin/:name/pause", "job.pause", jobName);
  route("post", "/jobs/:plugin/:name/resume", "job.resume", jobName);
  route("get", "/tenants", "tenant.list", () => ({}));
  route("post", "/tenants", "tenant.create", jsonBody);
  route("post", "/tenants/:name", "tenant.set", async (ctx) => {
    const given = await jsonBody(ctx);
    const settings = typeof given === "object" && !Array.isArray(given) ? given : {};
    return { ...settings, name: ctx.params["name"] ?? "" };
  });
  route("post", "/tenants/:name/suspend", "tenant.suspend", named);
  route("post", "/tenants/:name/resume", "tenant.resume", named);
  route("post", "/tenants/:name/drop", "tenant.drop", named);
  route("get", "/schedules", "job.schedule", (ctx) => jobFilter(ctx));

  const guard: Middleware = async (ctx, next) => {
    if (ctx.path !== adminRoot && !ctx.path.startsWith(`${adminRoot}/`)) return next();
    checkHost(ctx.hostname, options.allowedHosts);
    checkToken(ctx.get("authorization"), options.token);
    await router.routes()(ctx as never, async () => {
      const known = router.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods);
      if (known.length === 0) throw new XcoreError("NOT_FOUND", `the admin API has no ${ctx.path}`);
      ctx.res.setHeader("allow", [...new Set(known)].join(", "));
      throw new XcoreError("METHOD_NOT_ALLOWED", `${ctx.path} does not answer ${ctx.method}`);
    });
  };
  return [guard];
}

/** DNS rebinding: a page of another origin reaches us under its own host name, never under ours. */
function checkHost(hostname: string, allowed: readonly string[]): void {
  const bare = hostname.replace(/^\[|\]$/g, "");
  if (bare === "localhost" || isIPv4(bare) || bare.includes(":") || allowed.includes(bare)) return;
  throw new XcoreError("FORBIDDEN", `the admin API does not answer to the host '${hostname.slice(0, 100)}'`, {
    hint: "Add it to admin.allowedHosts in integration.yaml.",
  });
}

function checkToken(authorization: string, token: AdminToken): void {
  const [scheme, given] = authorization.split(" ");
  if (scheme?.toLowerCase() === "bearer" && given !== undefined && token.matches(given)) return;
  throw new XcoreError("UNAUTHORIZED", "the admin API needs a valid bearer token", {
    hint: "The token is admin.token of integration.yaml, or in .xcore/admin-token.",
  });
}

async function jsonBody(ctx: Context): Promise<Json> {
  const { text } = await readBody(ctx.req, maxBodyBytes);
  if (text === "") return null;
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new XcoreError("INPUT_INVALID", "the body is not JSON", { cause: error });
  }
}

/** `?tenant=acme`: for whom it is done. */
function tenantIn(ctx: Context): { tenant?: string } {
  const { tenant } = ctx.query;
  return typeof tenant === "string" ? { tenant } : {};
}

function jobFilter(ctx: Context): Json {
  const { plugin, state, limit } = ctx.query;
  return {
    ...(typeof plugin === "string" ? { plugin } : {}),
    ...(typeof state === "string" ? { state } : {}),
    ...(typeof limit === "string" ? { limit: Number(limit) } : {}),
  };
}

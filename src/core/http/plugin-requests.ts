// The hot path: a plugin's request straight from Node's server, with its log line, figures and failures.
import type { IncomingMessage, ServerResponse } from "node:http";
import { asXcoreError, XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { Meter } from "../base/meter.ts";
import type { Plugin } from "../plugins/plugin.ts";
import type { PluginRegistry } from "../plugins/registry.ts";
import type { Tenant } from "../services/tenants/tenant.ts";
import { dispatch } from "./dispatch.ts";
import { statusOf, writeFailure } from "./failure.ts";
import { pluginAt } from "./mount.ts";
import type { TenantOfRequest } from "./tenant-of-request.ts";

export interface PluginRequestOptions {
  plugins: PluginRegistry;
  logger: Logger;
  meter: Meter;
  maxBodyBytes: number;
  /** Whether clients see the message of server faults. */
  exposeFaults: boolean;
  /** Undefined: the server has no tenants. */
  tenantOf?: TenantOfRequest | undefined;
  nextRequestId(): string;
}

const noOrigin: CallOrigin = {};

/** Answers requests under the mount root. */
export function pluginRequests(
  options: PluginRequestOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { plugins, exposeFaults, maxBodyBytes, tenantOf } = options;
  return (request, response) => {
    const startedAt = performance.now();
    const requestId = options.nextRequestId();
    let plugin: Plugin | undefined;
    let tenant: Tenant | undefined;
    let headAt: number | undefined;
    let isBarred = false;
    const onHead = (): void => {
      headAt = performance.now();
      if (isBarred) request.socket.destroy();
    };
    const failed = (error: unknown): void => {
      const fault = asXcoreError(error);
      writeFailure(response, fault, { requestId, exposeFaults });
      note({ plugin, tenant, request, response, requestId, startedAt, headAt, fault }, options);
    };
    const run = (origin: CallOrigin): Promise<void> => {
      plugin = pluginAt(request.url ?? "/", plugins, tenant);
      const { hooks } = plugins;
      return dispatch(plugin, { request, response, requestId, maxBodyBytes, origin, hooks, onHead });
    };
    const runFor = async (found: Tenant): Promise<void> => {
      tenant = found;
      tenant.admit();
      // What has begun to answer may go on for hours: a stream, a socket.
      const release = tenant.whenBarred(() => {
        isBarred = true;
        if (response.headersSent) request.socket.destroy();
      });
      try {
        await run({ tenant });
      } finally {
        release();
      }
    };
    const start = (): Promise<void> => {
      const found = tenantOf?.(request);
      if (found === undefined) return run(noOrigin);
      if (!(found instanceof Promise)) return runFor(found);
      return found.then((known) => {
        // Its body would never come to an end.
        if (request.socket.destroyed)
          throw new XcoreError("CALL_CANCELLED", "the client closed the connection");
        return runFor(known);
      });
    };
    try {
      start().then(
        () =>
          note(
            { plugin, tenant, request, response, requestId, startedAt, headAt, fault: undefined },
            options,
          ),
        failed,
      );
    } catch (error) {
      failed(error);
    }
  };
}

interface Noted {
  plugin: Plugin | undefined;
  tenant: Tenant | undefined;
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  startedAt: number;
  /** When the head of a stream was written: until then the client waited for the plugin. */
  headAt: number | undefined;
  fault: XcoreError | undefined;
}

function note(noted: Noted, { meter, logger }: PluginRequestOptions): void {
  const { plugin, tenant, request, response, requestId, startedAt, headAt, fault } = noted;
  const ms = performance.now() - startedAt;
  const waitedMs = headAt === undefined ? ms : headAt - startedAt;
  const failed = response.statusCode >= 500 || (fault !== undefined && statusOf(fault) >= 500);
  meter.record(waitedMs, failed);
  plugin?.meter.record(waitedMs, failed);
  tenant?.meter.record(waitedMs, failed);
  const line = {
    id: requestId,
    plugin: plugin?.name,
    tenant: tenant?.id,
    method: request.method,
    url: request.url,
    status: response.statusCode,
    ms: Math.round(ms * 100) / 100,
  };
  if (fault === undefined) logger.info(line, "request");
  else logger[levelOf(fault)]({ ...line, code: fault.code, ...fault.details }, fault.message);
}

/** A plugin that is known to be down has been logged when it went down. */
function levelOf(fault: XcoreError): "error" | "warn" | "info" {
  if (statusOf(fault) < 500) return "info";
  return fault.code === "PLUGIN_NOT_READY" || fault.code === "PLUGIN_QUARANTINED" ? "warn" : "error";
}

// The hot path: a plugin's request straight from Node's server, with its log line, figures and failures.
import type { IncomingMessage, ServerResponse } from "node:http";
import { asXcoreError, type XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Meter } from "../base/meter.ts";
import type { Plugin } from "../plugins/plugin.ts";
import type { PluginRegistry } from "../plugins/registry.ts";
import { dispatch } from "./dispatch.ts";
import { statusOf, writeFailure } from "./failure.ts";
import { pluginAt } from "./mount.ts";

export interface PluginRequestOptions {
  plugins: PluginRegistry;
  logger: Logger;
  meter: Meter;
  maxBodyBytes: number;
  /** Whether clients see the message of server faults. */
  exposeFaults: boolean;
  nextRequestId(): string;
}

/** Answers requests under the mount root. */
export function pluginRequests(
  options: PluginRequestOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { plugins, exposeFaults, maxBodyBytes } = options;
  return (request, response) => {
    const startedAt = performance.now();
    const requestId = options.nextRequestId();
    let plugin: Plugin | undefined;
    let headAt: number | undefined;
    const onHead = (): void => {
      headAt = performance.now();
    };
    const failed = (error: unknown): void => {
      const fault = asXcoreError(error);
      writeFailure(response, fault, { requestId, exposeFaults });
      note({ plugin, request, response, requestId, startedAt, headAt, fault }, options);
    };
    try {
      plugin = pluginAt(request.url ?? "/", plugins);
      dispatch(plugin, { request, response, requestId, maxBodyBytes, onHead }).then(
        () => note({ plugin, request, response, requestId, startedAt, headAt, fault: undefined }, options),
        failed,
      );
    } catch (error) {
      failed(error);
    }
  };
}

interface Noted {
  plugin: Plugin | undefined;
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  startedAt: number;
  /** When the head of a stream was written: until then the client waited for the plugin. */
  headAt: number | undefined;
  fault: XcoreError | undefined;
}

function note(noted: Noted, { meter, logger }: PluginRequestOptions): void {
  const { plugin, request, response, requestId, startedAt, headAt, fault } = noted;
  const ms = performance.now() - startedAt;
  const waitedMs = headAt === undefined ? ms : headAt - startedAt;
  const failed = response.statusCode >= 500 || (fault !== undefined && statusOf(fault) >= 500);
  meter.record(waitedMs, failed);
  plugin?.meter.record(waitedMs, failed);
  const line = {
    id: requestId,
    plugin: plugin?.name,
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

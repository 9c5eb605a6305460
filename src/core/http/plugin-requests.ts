// The hot path: a plugin's request straight from Node's server, with its log line, figures and failures.
import type { IncomingMessage, ServerResponse } from "node:http";
import { asXcoreError, XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { Meter } from "../base/meter.ts";
import type { Plugin } from "../plugins/plugin.ts";
import type { Hooks } from "../plugins/hooks.ts";
import type { PluginRegistry } from "../plugins/registry.ts";
import type { Tenant } from "../services/tenants/tenant.ts";
import { dispatch, type Exchange } from "./dispatch.ts";
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
  return (request, response) => new PluginRequest(request, response, options).answer();
}

class PluginRequest implements Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  origin = noOrigin;
  readonly #options: PluginRequestOptions;
  readonly #startedAt = performance.now();
  #plugin: Plugin | undefined;
  #tenant: Tenant | undefined;
  /** When the head of a stream was written: until then the client waited for the plugin. */
  #headAt: number | undefined;
  #isBarred = false;

  constructor(request: IncomingMessage, response: ServerResponse, options: PluginRequestOptions) {
    this.request = request;
    this.response = response;
    this.requestId = options.nextRequestId();
    this.#options = options;
  }

  get maxBodyBytes(): number {
    return this.#options.maxBodyBytes;
  }

  get hooks(): Hooks {
    return this.#options.plugins.hooks;
  }

  answer(): void {
    try {
      this.#start().then(
        () => this.#note(undefined),
        (error: unknown) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  onHead(): void {
    this.#headAt = performance.now();
    if (this.#isBarred) this.request.socket.destroy();
  }

  #start(): Promise<void> {
    const tenant = this.#options.tenantOf?.(this.request);
    if (tenant === undefined) return this.#run();
    if (!(tenant instanceof Promise)) return this.#runFor(tenant);
    return tenant.then((known) => {
      // Its body would never come to an end.
      if (this.request.socket.destroyed) {
        throw new XcoreError("CALL_CANCELLED", "the client closed the connection");
      }
      return this.#runFor(known);
    });
  }

  async #runFor(tenant: Tenant): Promise<void> {
    this.#tenant = tenant;
    this.origin = { tenant };
    tenant.admit();
    // What has begun to answer may go on for hours: a stream, a socket.
    const release = tenant.whenBarred(() => {
      this.#isBarred = true;
      if (this.response.headersSent) this.request.socket.destroy();
    });
    try {
      await this.#run();
    } finally {
      release();
    }
  }

  #run(): Promise<void> {
    this.#plugin = pluginAt(this.request.url ?? "/", this.#options.plugins, this.#tenant);
    return dispatch(this.#plugin, this);
  }

  #fail(error: unknown): void {
    const fault = asXcoreError(error);
    const { exposeFaults } = this.#options;
    writeFailure(this.response, fault, { requestId: this.requestId, exposeFaults });
    this.#note(fault);
  }

  #note(fault: XcoreError | undefined): void {
    const { meter, logger } = this.#options;
    const { statusCode } = this.response;
    const ms = performance.now() - this.#startedAt;
    const waitedMs = this.#headAt === undefined ? ms : this.#headAt - this.#startedAt;
    const failed = statusCode >= 500 || (fault !== undefined && statusOf(fault) >= 500);
    meter.record(waitedMs, failed);
    this.#plugin?.meter.record(waitedMs, failed);
    this.#tenant?.meter.record(waitedMs, failed);
    const line = {
      id: this.requestId,
      plugin: this.#plugin?.name,
      tenant: this.#tenant?.id,
      method: this.request.method,
      url: this.request.url,
      status: statusCode,
      ms: Math.round(ms * 100) / 100,
    };
    if (fault === undefined) logger.info(line, "request");
    else logger[levelOf(fault)]({ ...line, code: fault.code, ...fault.details }, fault.message);
  }
}

/** A plugin that is known to be down has been logged when it went down. */
function levelOf(fault: XcoreError): "error" | "warn" | "info" {
  if (statusOf(fault) < 500) return "info";
  return fault.code === "PLUGIN_NOT_READY" || fault.code === "PLUGIN_QUARANTINED" ? "warn" : "error";
}

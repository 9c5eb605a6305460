// Requests and actions on their way to whichever revision lives: they wait for one that is being opened, and what was cut off is made again.
import type { GuestRequest } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import { timeLeft, withDeadline } from "../base/deadline.ts";
import { XcoreError } from "../base/error.ts";
import type { RateLimiter } from "../base/rate-limiter.ts";
import { wasNotBegun } from "../sandbox/end-reasons.ts";
import type { PluginResponse, RequestOptions } from "../sandbox/sandbox.ts";
import { assertOffered, type ActionOptions } from "./action-calls.ts";
import { notReady } from "./not-ready.ts";
import type { Revision } from "./revision.ts";
import type { PluginState } from "./transitions.ts";

/** What stands behind a plugin's name at the moment. */
export interface Standing {
  readonly name: string;
  readonly state: PluginState;
  /** Why it failed last. */
  readonly reason: XcoreError | undefined;
  readonly current: Revision | undefined;
  /** The load under way. */
  readonly opening: Promise<void> | undefined;
  readonly limiter: RateLimiter | undefined;
}

/**
 * Answers one HTTP request. What a neighbour's crash cut off is made again: a GET or HEAD, and whatever the plugin had not
 * begun with. Rejects with `PLUGIN_NOT_READY`, with `PLUGIN_RATE_LIMIT`, or with the plugin's own error.
 */
export function answerRequest(
  plugin: Standing,
  request: GuestRequest,
  options: RequestOptions,
): Promise<PluginResponse> {
  if (plugin.limiter?.take() === false) return Promise.reject(tooMany(plugin.name, plugin.limiter));
  const startedAt = performance.now();
  const answerBy = (revision: Revision, within: RequestOptions): Promise<PluginResponse> =>
    revision.request(request, within).catch((error: unknown) => {
      // What has been read of a body that streams is gone.
      if (options.body !== undefined || !isRepeatable(error, request.method)) throw error;
      return answerLater();
    });
  const answerLater = async (): Promise<PluginResponse> => {
    const revision = await living(plugin, timeLeft(options.timeoutMs, startedAt));
    return await answerBy(revision, { ...options, timeoutMs: timeLeft(options.timeoutMs, startedAt) });
  };
  const { current } = plugin;
  return current === undefined ? answerLater() : answerBy(current, options);
}

/** Runs an action that the plugin offers to this caller, again if the plugin was ended before it began with it. */
export async function runAction(
  plugin: Standing,
  name: string,
  input: Json,
  given: ActionOptions,
): Promise<Json> {
  const { caller, ...options } = given;
  const startedAt = performance.now();
  for (;;) {
    const left = timeLeft(options.timeoutMs, startedAt);
    const revision = plugin.current ?? (await living(plugin, left));
    assertOffered({ name: plugin.name, description: revision.sandbox.description }, name, caller);
    const timeoutMs = Math.min(left, revision.build.limits.timeoutMs);
    try {
      return await revision.action(name, input, { ...options, timeoutMs });
    } catch (error) {
      if (!wasNotBegun(error)) throw error;
    }
  }
}

/** The living revision, or the one that is being opened right now. */
async function living(plugin: Standing, timeoutMs: number): Promise<Revision> {
  if (plugin.current === undefined && plugin.opening !== undefined) {
    await withDeadline(
      plugin.opening.catch(() => undefined),
      { ms: timeoutMs, code: "PLUGIN_NOT_READY", message: `plugin '${plugin.name}' is still loading` },
    );
  }
  if (plugin.current !== undefined) return plugin.current;
  throw notReady(plugin.name, plugin.state, plugin.reason);
}

function tooMany(plugin: string, limiter: RateLimiter): XcoreError {
  return new XcoreError("PLUGIN_RATE_LIMIT", `plugin '${plugin}' answers no more than its rate limit`, {
    details: { retryAfterSeconds: limiter.retryAfterSeconds() },
  });
}

/** Through no fault of the plugin, and nothing is done twice by it. */
function isRepeatable(error: unknown, method: string): boolean {
  if (method !== "GET" && method !== "HEAD") return wasNotBegun(error);
  return error instanceof XcoreError && error.details["bystander"] === true;
}

// From plugin to plugin: who may call, in what chain, how often a call is tried, and when an action is left alone.
import type { GuestDescription } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import type { CancelSignal } from "../base/cancel.ts";
import type { Code } from "../base/codes.ts";
import { sleep } from "../base/deadline.ts";
import { XcoreError } from "../base/error.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { CallOptions } from "../sandbox/sandbox.ts";
import type { Outcome } from "./circuit.ts";
import type { Circuits } from "./circuits.ts";

/** What is called: a plugin, whatever state it is in. */
export interface Callee {
  readonly name: string;
  /** What its newest build declared, even while it is away; undefined until the first one was open. */
  readonly declared: GuestDescription | undefined;
  action(name: string, input: Json, options: ActionOptions): Promise<Json>;
}

export interface ActionOptions extends CallOptions {
  /** The plugin that calls; undefined: the operator, who may call everything. */
  caller?: string | undefined;
}

export interface ActionCall {
  caller: string;
  action: string;
  input: Json;
  /** That of the call on whose behalf it is made. */
  origin: CallOrigin | undefined;
  /** What the caller has left. */
  timeoutMs: number;
  signal: AbortSignal;
}

const maxChain = 16;
const maxTries = 5;
const firstDelayMs = 100;

/** It gave no answer, and the next time may be better: the same call is made again if it may run twice. */
const passing: ReadonlySet<Code> = new Set([
  "PLUGIN_BUSY",
  "PLUGIN_CRASHED",
  "PLUGIN_NOT_READY",
  "PLUGIN_TIMEOUT",
]);
/** It gave no answer; what it said itself, were it an error, is one. */
const failures: ReadonlySet<Code> = new Set([
  ...passing,
  "PLUGIN_CPU_LIMIT",
  "PLUGIN_MEMORY_LIMIT",
  "PLUGIN_PROTOCOL",
  "PLUGIN_QUARANTINED",
]);

/**
 * Runs an action for another plugin within what time the caller has left. Rejects with the callee's error; `CALL_CYCLE` and
 * `CALL_DEPTH` name the chain, `CIRCUIT_OPEN` says when it is tried again.
 */
export async function callAction(callee: Callee, call: ActionCall, circuits: Circuits): Promise<Json> {
  const { caller, action, input, signal } = call;
  const target = `${callee.name}.${action}`;
  const origin = { ...call.origin, chain: nextChain(call.origin?.chain ?? [caller], target) };
  const deadline = performance.now() + call.timeoutMs;
  for (let tries = 1; ; tries += 1) {
    // What it does not declare is soon refused, and names that a caller makes up are not kept.
    const known = Object.hasOwn(callee.declared?.actions ?? {}, action);
    const ended = known ? circuits.enter({ caller, action: target }) : (): void => undefined;
    const timeoutMs = Math.max(1, Math.round(deadline - performance.now()));
    try {
      const answer = await callee.action(action, input, { caller, timeoutMs, signal, origin });
      ended("answered");
      return answer;
    } catch (error) {
      ended(outcomeOf(error, signal));
      const delayMs = firstDelayMs * 2 ** (tries - 1) * (0.75 + Math.random() / 2);
      const again = tries < maxTries && isPassing(error) && isIdempotent(callee, action) && !signal.aborted;
      if (!again || performance.now() + delayMs >= deadline || rests(circuits, caller, target)) throw error;
      await sleep(delayMs, signal);
    }
  }
}

/** Throws unless the plugin offers the action to this caller. */
export function assertOffered(
  callee: { name: string; description: GuestDescription },
  action: string,
  caller: string | undefined,
): void {
  const { actions } = callee.description;
  const found = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (found === undefined) {
    const known = Object.keys(actions);
    throw new XcoreError("ACTION_NOT_FOUND", `plugin '${callee.name}' has no action '${action}'`, {
      hint: known.length === 0 ? "It offers no actions." : `It offers: ${known.join(", ")}.`,
    });
  }
  if (caller === undefined || found.callers === undefined || found.callers.includes(caller)) return;
  const allowed = found.callers.length === 0 ? "to no plugin" : `only to ${found.callers.join(", ")}`;
  throw new XcoreError(
    "CALLER_REFUSED",
    `plugin '${callee.name}' offers its action '${action}' ${allowed}, not to '${caller}'`,
    {
      hint: `Ask the author of '${callee.name}' to list '${caller}' under 'callers' of the action.`,
      details: { caller, action: `${callee.name}.${action}` },
    },
  );
}

function nextChain(chain: readonly string[], target: string): readonly string[] {
  const next = [...chain, target];
  const shown = next.join(" -> ");
  if (chain.includes(target)) {
    throw new XcoreError("CALL_CYCLE", `actions call each other in a circle: ${shown}`, {
      hint: "Let one of them publish an event or enqueue a job instead.",
      details: { chain: next },
    });
  }
  if (next.length <= maxChain) return next;
  throw new XcoreError("CALL_DEPTH", `actions call each other more than ${maxChain} deep: ${shown}`, {
    hint: "Let one of them publish an event or enqueue a job instead.",
    details: { chain: next },
  });
}

function outcomeOf(error: unknown, signal: CancelSignal): Outcome {
  if (!(error instanceof XcoreError)) return "unknown";
  // The caller's own deadline may come first by a moment; that nobody waits any more says nothing.
  if (signal.aborted)
    return signal.reason instanceof XcoreError && signal.reason.code === "PLUGIN_TIMEOUT"
      ? "failed"
      : "unknown";
  if (!failures.has(error.code)) return "answered";
  return error.details["bystander"] === true ? "unknown" : "failed";
}

function isPassing(error: unknown): boolean {
  return error instanceof XcoreError && passing.has(error.code);
}

function isIdempotent({ declared }: Callee, action: string): boolean {
  const actions = declared?.actions ?? {};
  return Object.hasOwn(actions, action) && actions[action]?.idempotent === true;
}

function rests(circuits: Circuits, caller: string, action: string): boolean {
  return circuits.list(caller).some((one) => one.action === action && one.state === "open");
}

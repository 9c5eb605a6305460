// What a guest says it declares, checked: it decides what is routed to it, so nothing of it is taken on trust.
import {
  hookNames,
  type ActionDescription,
  type GuestDescription,
  type HookName,
  type JobBackoff,
  type JobDescription,
} from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import { isRecord, plainText } from "./guest-text.ts";

const maxEntries = 1000;
const maxTextLength = 2000;
/** UTF-16 units of one JSON Schema. */
const maxSchemaLength = 32_768;
const routePattern = /^(?:[A-Z]{1,20}|\*) \/[^\s\p{C}]*$/u;
const namePattern = /^[\w.:*-]{1,200}$/;

/** The description with nothing in it that was not asked for, or the sentence that says what is wrong. */
export function checkDescription(value: unknown): GuestDescription | string {
  if (!isRecord(value)) return "what definePlugin returned was not described as an object";
  const { routes, fetch, actions, jobs, events, publishes = {}, hooks = [] } = value;
  if (!isTextList(routes, routePattern)) return 'its routes are not a list like "GET /path"';
  if (typeof fetch !== "boolean") return "it does not say whether it has a fetch handler";
  if (!isTable(actions)) return "its actions are not a table of names";
  if (!isTable(jobs)) return "its jobs are not a table of names";
  if (!isTextList(events, namePattern)) return "its events are not a list of names";
  if (!Array.isArray(hooks) || !hooks.every(isHookName)) return "its hooks are not a list of hooks";
  if (!isTable(publishes)) return "what it publishes is not a table of names";
  const checkedActions: Record<string, ActionDescription> = {};
  for (const [name, action] of Object.entries(actions)) {
    const checked = checkAction(action);
    if (checked === undefined) return `its action '${name}' is not described as it should be`;
    checkedActions[name] = checked;
  }
  const checkedJobs: Record<string, JobDescription> = {};
  for (const [name, job] of Object.entries(jobs)) {
    const checked = checkJob(job);
    if (checked === undefined) return `its job '${name}' is not described as it should be`;
    checkedJobs[name] = checked;
  }
  return {
    routes,
    fetch,
    actions: checkedActions,
    jobs: checkedJobs,
    events,
    publishes: Object.fromEntries(
      Object.entries(publishes).map(([name, event]) => [name, checkPayload(event)]),
    ),
    ...(hooks.length === 0 ? {} : { hooks }),
  };
}

function isHookName(name: unknown): name is HookName {
  return hookNames.some((known) => known === name);
}

function checkAction(action: Record<string, unknown>): ActionDescription | undefined {
  const { description, callers, idempotent } = action;
  if (callers !== undefined && !isTextList(callers, namePattern)) return undefined;
  const checked: ActionDescription = {};
  if (typeof description === "string") checked.description = plainText(description, maxTextLength);
  if (callers !== undefined) checked.callers = callers;
  if (idempotent === true) checked.idempotent = true;
  for (const side of ["input", "output"] as const) {
    const schema = schemaOf(action[side]);
    if (schema !== undefined) checked[side] = schema;
  }
  return checked;
}

function checkPayload(event: Record<string, unknown>): { payload?: Json } {
  const payload = schemaOf(event["payload"]);
  return payload === undefined ? {} : { payload };
}

/** A larger one is enforced where it is, and not known here. */
function schemaOf(value: unknown): Json | undefined {
  if (value === undefined || JSON.stringify(value).length > maxSchemaLength) return undefined;
  return value as Json;
}

function checkJob(job: Record<string, unknown>): JobDescription | undefined {
  const checked: JobDescription = {};
  for (const key of ["every", "cron", "timezone"] as const) {
    const text = job[key];
    if (text === undefined) continue;
    if (typeof text !== "string" || text.length > 200) return undefined;
    checked[key] = text;
  }
  for (const key of ["concurrency", "retries"] as const) {
    const count = job[key];
    if (count === undefined) continue;
    if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0 || count > 1000)
      return undefined;
    checked[key] = count;
  }
  if (job["backoff"] === undefined) return checked;
  const backoff = checkBackoff(job["backoff"]);
  return backoff === undefined ? undefined : { ...checked, backoff };
}

/** Texts and numbers; whether they are the right ones is the jobs service's to say. */
function checkBackoff(value: unknown): JobBackoff | undefined {
  if (!isRecord(value)) return undefined;
  const entries = (["first", "factor", "max", "jitter"] as const).flatMap((key) =>
    value[key] === undefined ? [] : [[key, value[key]] as const],
  );
  const plain = entries.every(
    ([, found]) => typeof found === "number" || (typeof found === "string" && found.length <= 200),
  );
  return plain ? (Object.fromEntries(entries) as JobBackoff) : undefined;
}

function isTextList(value: unknown, pattern: RegExp): value is string[] {
  if (!Array.isArray(value) || value.length > maxEntries) return false;
  return value.every(
    (text) => typeof text === "string" && text.length <= maxTextLength && pattern.test(text),
  );
}

function isTable(value: unknown): value is Record<string, Record<string, unknown>> {
  if (!isRecord(value)) return false;
  const entries = Object.entries(value);
  return (
    entries.length <= maxEntries &&
    entries.every(([name, entry]) => namePattern.test(name) && isRecord(entry))
  );
}

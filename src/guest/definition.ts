// Reads what `definePlugin` was given: checked once, compiled, and described as data for the core.
import type { GuestDescription, JobDescription } from "../wire/guest-calls.ts";
import { readAction, type Action } from "./action.ts";
import {
  checkName,
  entriesOf,
  fault,
  functionOf,
  kindOf,
  lifeHandler,
  methodOf,
  rejectUnknown,
  tableOf,
  type Fields,
  type Handler,
  type LifeHandler,
} from "./definition-parts.ts";
import { readHooks } from "./hooks.ts";
import { SafeMap } from "./primordials.ts";
import { Router } from "./router.ts";
import { describeSchema, schemaCheck, type SchemaCheck } from "./schema-check.ts";

export interface EventHandler {
  pattern: string;
  run: Handler;
}

/** The compiled form of a definition. */
export interface Definition {
  routes: Router<Handler>;
  fetch: Handler | undefined;
  actions: SafeMap<string, Action>;
  jobs: SafeMap<string, Handler>;
  events: readonly EventHandler[];
  /** By name: "request.before". */
  hooks: SafeMap<string, Handler>;
  /** By the name of the event it publishes. */
  payloads: SafeMap<string, SchemaCheck>;
  start: LifeHandler | undefined;
  stop: LifeHandler | undefined;
  description: GuestDescription;
}

const members = ["routes", "fetch", "actions", "jobs", "publishes", "events", "hooks", "start", "stop"];
const jobMembers = ["every", "cron", "timezone", "concurrency", "retries", "backoff", "run"];
// The same form as the core's events service takes: "user.created", "user.*", "*".
const eventName = /^[\w-]+(?:\.[\w-]+)*$/;
const eventPattern = /^(?:\*|[\w-]+(?:\.[\w-]+)*(?:\.\*)?)$/;

/** `exported` is the default export of the plugin's entry. Throws `PLUGIN_DEFINITION` naming the member at fault. */
export function readDefinition(exported: unknown): Definition {
  const fields = tableOf(exported, "the entry's default export", "export default definePlugin({ … })");
  rejectUnknown(fields, members, "definePlugin");
  const routes = new Router<Handler>();
  const description = {
    routes: [] as string[],
    actions: {} as Fields,
    jobs: {} as Fields,
    publishes: {} as Fields,
  };
  for (const [route, handler] of entriesOf(fields, "routes")) {
    routes.add(route, functionOf(handler, `routes["${route}"]`));
    description.routes.push(route);
  }
  const actions = new SafeMap<string, Action>();
  for (const [name, given] of entriesOf(fields, "actions")) {
    const { action, data } = readAction(name, given);
    actions.set(name, action);
    description.actions[name] = data;
  }
  const jobs = new SafeMap<string, Handler>();
  for (const [name, given] of entriesOf(fields, "jobs")) {
    const { run, data } = readJob(name, given);
    jobs.set(name, run);
    description.jobs[name] = data;
  }
  const events = entriesOf(fields, "events").map(([pattern, run]): EventHandler => {
    if (!eventPattern.test(pattern)) {
      throw fault(
        `events["${pattern}"]`,
        `expected an event's name, or one whose last segment is '*': "user.created", "user.*"`,
      );
    }
    return { pattern, run: functionOf(run, `events["${pattern}"]`) };
  });
  const payloads = new SafeMap<string, SchemaCheck>();
  for (const [name, schema] of entriesOf(fields, "publishes")) {
    const where = `publishes["${name}"]`;
    if (!eventName.test(name)) throw fault(where, `expected an event's name: "user.created"`);
    if (schema === undefined) throw fault(where, "expected a schema, got nothing");
    payloads.set(
      name,
      schemaCheck(schema, { subject: `event '${name}'`, what: "payload", code: "INPUT_INVALID" }),
    );
    const payload = describeSchema(schema, "output");
    description.publishes[name] = payload === undefined ? {} : { payload };
  }
  const hooks = readHooks(fields);
  const fetch = fields["fetch"] === undefined ? undefined : methodOf(fields, "fetch", "definePlugin");
  return {
    routes,
    fetch,
    actions,
    jobs,
    events,
    hooks,
    payloads,
    start: lifeHandler(fields, "start"),
    stop: lifeHandler(fields, "stop"),
    description: {
      routes: description.routes,
      fetch: fetch !== undefined,
      actions: description.actions as GuestDescription["actions"],
      jobs: description.jobs as GuestDescription["jobs"],
      events: events.map(({ pattern }) => pattern),
      publishes: description.publishes as GuestDescription["publishes"],
      ...(hooks.size === 0 ? {} : { hooks: [...hooks.keys()] as NonNullable<GuestDescription["hooks"]> }),
    },
  };
}

/** Whether an event of this name goes to a handler with this pattern. */
export function matchesEvent(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

function readJob(name: string, given: unknown): { run: Handler; data: JobDescription } {
  const where = `jobs.${name}`;
  checkName(name, where);
  const fields = tableOf(given, where, `{ every: "1 hour", run(data, ctx) { … } }`);
  rejectUnknown(fields, jobMembers, where);
  const data: JobDescription = {};
  for (const key of ["every", "cron", "timezone"] as const) {
    const value = fields[key];
    if (value === undefined) continue;
    if (typeof value !== "string") throw fault(`${where}.${key}`, `expected text, got ${kindOf(value)}`);
    data[key] = value;
  }
  for (const [key, least] of [
    ["concurrency", 1],
    ["retries", 0],
  ] as const) {
    const value = fields[key];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > 1000) {
      throw fault(`${where}.${key}`, `expected a whole number from ${least} to 1000, got ${String(value)}`);
    }
    data[key] = value as number;
  }
  if (fields["backoff"] !== undefined) {
    // What its members say is the core's to check.
    const backoff = tableOf(fields["backoff"], `${where}.backoff`, `{ first: "5s", factor: 2, max: "1h" }`);
    rejectUnknown(backoff, ["first", "factor", "max", "jitter"], `${where}.backoff`);
    data.backoff = backoff;
  }
  if (data.every !== undefined && data.cron !== undefined) {
    throw fault(where, "it has both 'every' and 'cron'; a job has one schedule");
  }
  if (data.timezone !== undefined && data.cron === undefined) {
    throw fault(`${where}.timezone`, "a time zone only means something beside 'cron'");
  }
  return { run: methodOf(fields, "run", where), data };
}

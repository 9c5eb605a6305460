// Reads what `definePlugin` was given: checked once, compiled, and described as data for the core.
import type { GuestDescription, JobDescription } from "../wire/guest-calls.ts";
import type { Json } from "../wire/json.ts";
import { XcoreError } from "./errors.ts";
import { describeInput, inputCheck, type InputCheck } from "./input.ts";
import { SafeMap } from "./primordials.ts";
import { Router } from "./router.ts";

export type Handler = (subject: unknown, ctx: object) => unknown;

export type LifeHandler = (ctx: object) => unknown;

export interface Action {
  check: InputCheck;
  run: Handler;
}

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
  start: LifeHandler | undefined;
  stop: LifeHandler | undefined;
  description: GuestDescription;
}

type Fields = Record<string, unknown>;

const members = ["routes", "fetch", "actions", "jobs", "events", "start", "stop"];
const jobMembers = ["every", "cron", "timezone", "concurrency", "retries", "backoff", "run"];
const actionMembers = ["description", "input", "run"];
const namePattern = /^[A-Za-z][\w.-]{0,99}$/;
// The same form as the core's events service takes: "user.created", "user.*", "*".
const eventPattern = /^(?:\*|[\w-]+(?:\.[\w-]+)*(?:\.\*)?)$/;

/** `exported` is the default export of the plugin's entry. Throws `PLUGIN_DEFINITION` naming the member at fault. */
export function readDefinition(exported: unknown): Definition {
  const fields = tableOf(exported, "the entry's default export", "export default definePlugin({ … })");
  rejectUnknown(fields, members, "definePlugin");
  const routes = new Router<Handler>();
  const description = { routes: [] as string[], actions: {} as Fields, jobs: {} as Fields };
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
  const fetch = fields["fetch"] === undefined ? undefined : methodOf(fields, "fetch", "definePlugin");
  return {
    routes,
    fetch,
    actions,
    jobs,
    events,
    start: lifeHandler(fields, "start"),
    stop: lifeHandler(fields, "stop"),
    description: {
      routes: description.routes,
      fetch: fetch !== undefined,
      actions: description.actions as GuestDescription["actions"],
      jobs: description.jobs as GuestDescription["jobs"],
      events: events.map(({ pattern }) => pattern),
    },
  };
}

/** Whether an event of this name goes to a handler with this pattern. */
export function matchesEvent(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

function readAction(name: string, given: unknown): { action: Action; data: Fields } {
  const where = `actions.${name}`;
  checkName(name, where);
  const fields = tableOf(given, where, "{ input: schema, run(input, ctx) { … } }");
  rejectUnknown(fields, actionMembers, where);
  const { input, description } = fields;
  if (description !== undefined && typeof description !== "string") {
    throw fault(`${where}.description`, `expected text, got ${kindOf(description)}`);
  }
  const schema = describeInput(input);
  return {
    action: {
      check: inputCheck(input, `action '${name}'`),
      run: methodOf(fields, "run", where),
    },
    data: {
      ...(schema === undefined ? {} : { input: schema as Json }),
      ...(description === undefined ? {} : { description }),
    },
  };
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

function entriesOf(fields: Fields, key: string): [string, unknown][] {
  const value = fields[key];
  return value === undefined ? [] : Object.entries(tableOf(value, key, "{ … }"));
}

function tableOf(value: unknown, where: string, expected: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw fault(where, `expected ${expected}, got ${kindOf(value)}`);
  }
  return value as Fields;
}

function methodOf(fields: Fields, key: string, where: string): Handler {
  const method = functionOf(fields[key], `${where}.${key}`);
  return (subject, ctx) => method.call(fields, subject, ctx);
}

function functionOf(value: unknown, where: string): Handler {
  if (typeof value !== "function") throw fault(where, `expected a function, got ${kindOf(value)}`);
  return value as Handler;
}

function lifeHandler(fields: Fields, key: string): LifeHandler | undefined {
  if (fields[key] === undefined) return undefined;
  const method = functionOf(fields[key], `definePlugin.${key}`) as unknown as LifeHandler;
  return (ctx) => method.call(fields, ctx);
}

function rejectUnknown(fields: Fields, known: readonly string[], where: string): void {
  const unknown = Object.keys(fields).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw fault(where, `there is no member '${unknown}'; known: ${known.join(", ")}`);
}

function checkName(name: string, where: string): void {
  if (!namePattern.test(name)) {
    throw fault(
      where,
      "a name begins with a letter and holds letters, digits, '.', '_' and '-', at most 100",
    );
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return value === undefined ? "nothing" : `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
}

function fault(where: string, why: string): XcoreError {
  return new XcoreError("PLUGIN_DEFINITION", `${where}: ${why}`);
}

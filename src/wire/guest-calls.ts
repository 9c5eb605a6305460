// What the core asks of a guest, and what a guest says about itself when it is loaded.
import type { Json } from "./json.ts";
import type { BodyEncoding } from "./host-calls.ts";

/** An HTTP request as it enters the isolate. `url` is absolute, its path relative to the plugin's mount point. */
export interface GuestRequest {
  method: string;
  url: string;
  /** Flat list name, value, name, value … as Node's `rawHeaders`. */
  headers: readonly string[];
  body: string;
  encoding: BodyEncoding;
  /** The body comes in chunks behind it, Latin-1; `body` is empty. */
  streamed?: boolean;
}

export interface GuestResponse {
  status: number;
  /** Flat list name, value, name, value …; validated by the core before it is written. */
  headers: readonly string[];
  body: string;
  encoding: BodyEncoding;
}

/** Calls that are not HTTP: name and one JSON value in, one JSON value out. */
export type GuestCallKind = "start" | "stop" | "action" | "job" | "event" | "hook";

/** What a trusted plugin may do around the calls of others. */
export const hookNames = [
  "request.before",
  "request.after",
  "request.error",
  "action.before",
  "action.after",
  "action.error",
] as const;
export type HookName = (typeof hookNames)[number];

/** What a job handler is told beside its data. */
export interface JobRun {
  id: string;
  name: string;
  data: Json;
  /** 1 for the first try. */
  attempt: number;
  /** The same for every attempt of one job: use it as an idempotency key. */
  key: string;
}

export interface EventDelivery {
  /** Only of durable ones: the same at every try. */
  id?: string;
  name: string;
  payload: Json;
  /** The plugin that published it, or `core`. */
  source: string;
}

/** The n-th retry waits `first` * `factor` ** (n - 1), at most `max`, `jitter` of it more or less. */
export interface JobBackoff {
  /** A human interval. Default "1s". */
  first?: string;
  /** 1 to 10. Default 2. */
  factor?: number;
  /** A human interval. Default "10m". */
  max?: string;
  /** 0 to 1. Default 0.2. */
  jitter?: number;
}

export interface JobDescription {
  /** A human interval ("1 hour"). */
  every?: string;
  /** A cron expression of five fields. */
  cron?: string;
  /** IANA zone for `cron`; UTC when absent. */
  timezone?: string;
  /** Runs of this job at the same time, in one process. Default 1. */
  concurrency?: number;
  /** Tries after the first failed one. Default 3. */
  retries?: number;
  backoff?: JobBackoff;
}

export interface ActionDescription {
  description?: string;
  /** JSON Schema of what a caller gives and gets, where they can be had. */
  input?: Json;
  output?: Json;
  /** Plugins that may call it; absent: all that are permitted to. */
  callers?: readonly string[];
  /** Running it twice does no more than once: a call that failed on the way may be tried again. */
  idempotent?: boolean;
}

/** What `definePlugin` declared, as data. */
export interface GuestDescription {
  /** "GET /notes/:id", in order. */
  routes: readonly string[];
  /** Whether there is a web-standard `fetch` handler behind the routes. */
  fetch: boolean;
  actions: Readonly<Record<string, ActionDescription>>;
  jobs: Readonly<Record<string, JobDescription>>;
  /** Event names or patterns with a `*` as the last segment. */
  events: readonly string[];
  hooks?: readonly HookName[];
  /** By the names of events it publishes: the JSON Schema of the payload, where it can be had. */
  publishes: Readonly<Record<string, { payload?: Json }>>;
}

/** An error that leaves the isolate. `code` is a name the guest gives; the core treats all of it as text. */
export interface GuestError {
  name: string;
  message: string;
  code?: string;
  /** The stack as the isolate printed it, positions in the bundle. */
  stack?: string;
}

/** The boot record's JSON: what an isolate is told once, before it is asked anything. */
export interface BootRecord {
  plugin: string;
  version: string;
  config: Readonly<Record<string, Json>>;
  /** Names of the permissions that exist inside. */
  permissions: readonly string[];
  /** Calls are made for tenants, which the guest is not told: it must share nothing among them by itself. */
  tenants?: boolean;
  /** Base64 of 64 random bytes; the generator behind `crypto` starts from them. */
  seed: string;
}

// The table of host calls: everything a guest can ask of the core, each bound to the permission it needs.
// What is not in this table does not exist; what is not granted is not handed out (core/plugins/grants.ts).
import type { Json } from "./json.ts";

/** `utf8`: the string is the text itself. `latin1`: each code unit is one byte. */
export type BodyEncoding = "utf8" | "latin1";

export type Row = Record<string, Json>;

/** A request of a plugin, without its body. */
export type FetchRequest = {
  url: string;
  method: string;
  headers: readonly (readonly [string, string])[];
  redirect: "follow" | "error" | "manual";
};

export type FetchAnswer = {
  url: string;
  status: number;
  statusText: string;
  redirected: boolean;
  headers: readonly (readonly [string, string])[];
  body: string;
  encoding: BodyEncoding;
  /** The body comes by `fetch.read` of this number, and `body` is empty. */
  exchange?: number;
};

export interface HostCalls {
  /** One statement with `$1` parameters; always the extended protocol. `transaction` is an id from `db.begin`. */
  "db.query": {
    args: { text: string; params: readonly Json[]; transaction?: number };
    reply: { rows: readonly Row[]; rowCount: number };
  };
  "db.begin": { args: { isolation?: "read committed" | "repeatable read" | "serializable" }; reply: number };
  "db.end": { args: { transaction: number; commit: boolean }; reply: null };

  "cache.get": { args: { key: string }; reply: { hit: true; value: Json } | { hit: false } };
  "cache.set": { args: { key: string; value: Json; ttlMs?: number; tags?: readonly string[] }; reply: null };
  "cache.delete": { args: { keys?: readonly string[]; tags?: readonly string[] }; reply: null };

  /** Enqueues one run of a job that this plugin defines. `unique`: at most one waiting job with this key. */
  "jobs.enqueue": {
    args: { name: string; data: Json; delayMs?: number; at?: string; unique?: string; priority?: number };
    reply: { id: string };
  };
  "jobs.cancel": { args: { id: string }; reply: { cancelled: boolean } };
  /** How far a running job of this plugin is, from 0 to 1. */
  "jobs.progress": { args: { id: string; progress: number; note?: string }; reply: null };

  /** `key`: deliveries of one key are in order. `durable`: by the job queue. */
  "events.publish": {
    args: { name: string; payload: Json; key?: string; durable?: boolean };
    reply: null;
  };

  /** Runs an action of another plugin. */
  "actions.call": { args: { plugin: string; action: string; input: Json }; reply: Json };

  "fetch.request": { args: FetchRequest & { body?: string; encoding?: BodyEncoding }; reply: FetchAnswer };
  /** Begins a request whose body follows by `fetch.write`; gives the number of the exchange. */
  "fetch.open": { args: FetchRequest; reply: number };
  /**
   * The next of the request's body, Latin-1; without `text` it is complete. `later`: there is no room, say it again. `over`: nobody
   * takes more of it.
   */
  "fetch.write": { args: { exchange: number; text?: string }; reply: "taken" | "later" | "over" };
  /** The answer to what `fetch.open` began; null: not yet, ask again. */
  "fetch.head": { args: { exchange: number }; reply: FetchAnswer | null };
  /** The next of the answer's body, Latin-1. Empty: nothing yet, ask again; null: it is complete. */
  "fetch.read": { args: { exchange: number }; reply: string | null };
  /** Nobody wants the rest of either body. */
  "fetch.cancel": { args: { exchange: number }; reply: null };

  "secrets.get": { args: { name: string }; reply: string };

  /** A method of a service of the installation's own. */
  "services.call": { args: { service: string; method: string; input: Json }; reply: Json };
}

export type HostCallName = keyof HostCalls;

/** The permissions a manifest can ask for. */
export const permissionNames = [
  "database",
  "cache",
  "jobs",
  "fetch",
  "call",
  "events",
  "secrets",
  "services",
] as const;
export type PermissionName = (typeof permissionNames)[number];

/** Which permission a host call needs. */
export const permissionOf: Readonly<Record<HostCallName, PermissionName>> = {
  "db.query": "database",
  "db.begin": "database",
  "db.end": "database",
  "cache.get": "cache",
  "cache.set": "cache",
  "cache.delete": "cache",
  "jobs.enqueue": "jobs",
  "jobs.cancel": "jobs",
  "jobs.progress": "jobs",
  "events.publish": "events",
  "actions.call": "call",
  "fetch.request": "fetch",
  "fetch.open": "fetch",
  "fetch.write": "fetch",
  "fetch.head": "fetch",
  "fetch.read": "fetch",
  "fetch.cancel": "fetch",
  "secrets.get": "secrets",
  "services.call": "services",
};

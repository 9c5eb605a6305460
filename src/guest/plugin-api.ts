// What a plugin's author sees of xcore: the context's parts, and which of them a manifest makes available.
import type { Json } from "../wire/json.ts";
import type { FromSchema } from "./types/from-schema.ts";

/**
 * What plugin.yaml declares. `plugin-env.d.ts`, written beside plugin.yaml, fills it in:
 * `permissions`, `call`, `publish`, `subscribe`, `secrets` and `config`. Until then nothing is available.
 */
export interface Declared {}

type Member<Key extends string, Otherwise> =
  Declared extends Readonly<Record<Key, infer Value>> ? Value : Otherwise;

/** Stands where something would be that plugin.yaml does not ask for: any use of it is an error. */
export interface Undeclared<Permission extends string> {
  readonly "not declared under permissions in plugin.yaml": Permission;
}

/** `Facility` when plugin.yaml asks for the permission. */
export type Permitted<Permission extends string, Facility> =
  Permission extends Member<"permissions", never> ? Facility : Undeclared<Permission>;

/** The plugin's options, as the schema under `config` in plugin.yaml describes them. */
export type Config = Readonly<FromSchema<Member<"config", { type: "object"; properties: {} }>>>;

/** The patterns of events it may handle. */
export type SubscribePattern = Member<"subscribe", never>;

/** What every handler is given beside its subject. It belongs to one call. */
export interface Context {
  readonly plugin: { readonly name: string; readonly version: string };
  readonly config: Config;
  readonly log: Log;
  /** Aborted when the caller has gone or the call's deadline has passed. */
  readonly signal: AbortSignal;
  readonly db: Permitted<"database", Database>;
  readonly cache: Permitted<"cache", Cache>;
  readonly jobs: Permitted<"jobs", Jobs>;
  readonly events: Permitted<"events", Events>;
  /** Runs an action of another plugin: `call("mailer.send", { to, text })`. */
  readonly call: Permitted<"call", CallAction>;
  /** As the global `fetch`, ended together with the call. */
  readonly fetch: Permitted<"fetch", Fetch>;
  readonly secrets: Permitted<"secrets", Secrets>;
}

export interface RequestContext extends Context {
  /** Values of the route's `:names`, decoded; `*` is the rest of the path. */
  readonly params: Readonly<Record<string, string>>;
  /** The URL's query; of a name that stands there twice the first value. */
  readonly query: Readonly<Record<string, string | undefined>>;
}

export interface JobContext extends Context {
  readonly job: {
    readonly id: string;
    readonly name: string;
    /** 1 for the first try. */
    readonly attempt: number;
    /** The same for every attempt of one job: an idempotency key. */
    readonly key: string;
  };
  /** Says how far it is, from 0 to 1, with a word about it: shown by `xcore job show`. */
  progress(progress: number, note?: string): Promise<void>;
}

export interface Log {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

export interface Database extends Transaction {
  /** Commits when `work` is done; rolls back when it throws, and throws the same. */
  transaction<Result>(
    work: (tx: Transaction) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;
}

export interface Transaction {
  /** One statement; what stands in `${}` goes as a parameter, never as text. Starts at once. */
  sql<Row extends object = Record<string, Json>>(
    strings: TemplateStringsArray,
    ...values: readonly unknown[]
  ): Promise<Row[]>;
  /** One statement with `$1`, `$2` … */
  query<Row extends object = Record<string, Json>>(
    text: string,
    params?: readonly unknown[],
  ): Promise<{ rows: Row[]; rowCount: number }>;
  /** The rows of a `select` one by one, fetched in batches: `for await (const row of db.cursor`select …`)`. */
  cursor<Row extends object = Record<string, Json>>(
    strings: TemplateStringsArray,
    ...values: readonly unknown[]
  ): AsyncIterable<Row>;
  cursor<Row extends object = Record<string, Json>>(
    text: string,
    params?: readonly unknown[],
    options?: CursorOptions,
  ): AsyncIterable<Row>;
}

export interface CursorOptions {
  /** Rows fetched at a time. Default 200. */
  batch?: number;
}

export interface TransactionOptions {
  isolation?: "read committed" | "repeatable read" | "serializable";
}

export interface Cache {
  /** Undefined when there is none. */
  get<Value = Json>(key: string): Promise<Value | undefined>;
  set(key: string, value: unknown, options?: CacheOptions): Promise<void>;
  delete(...keys: string[]): Promise<void>;
  deleteByTag(...tags: string[]): Promise<void>;
  /** `factory` runs when there is no value; at most once at a time for each key. */
  getOrSet<Value>(key: string, factory: () => Value | Promise<Value>, options?: CacheOptions): Promise<Value>;
}

export interface CacheOptions {
  ttlMs?: number;
  tags?: readonly string[];
}

export interface Jobs {
  /** Has one of this plugin's jobs run once; at once unless `delayMs` or `at` says otherwise. */
  enqueue(name: string, data?: unknown, options?: EnqueueOptions): Promise<{ id: string }>;
  /** Whether it waited, and now never runs, or ran, and has had its signal aborted. */
  cancel(id: string): Promise<boolean>;
}

export interface EnqueueOptions {
  delayMs?: number;
  /** A Date or ISO 8601 text. */
  at?: Date | string;
  /** At most one waiting job has this key. */
  unique?: string;
  /** Higher goes first. */
  priority?: number;
}

export interface Events {
  /** To whoever handles the event now; at most once, nothing is kept. */
  publish(name: Member<"publish", never>, payload?: unknown): Promise<void>;
}

export type CallAction = <Result = Json>(action: Member<"call", never>, input?: unknown) => Promise<Result>;

export interface Secrets {
  get(name: Member<"secrets", never>): Promise<string>;
}

export type Fetch = (input: Request | URL | string, init?: RequestInit) => Promise<Response>;

/** The global `fetch`: there when plugin.yaml asks for it. */
export type GlobalFetch = Permitted<"fetch", Fetch>;

export interface EventDelivery {
  readonly name: string;
  readonly payload: Json;
  /** The plugin that published it, or `core`. */
  readonly source: string;
}

export type { Json, FromSchema };

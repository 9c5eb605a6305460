// What a plugin's author sees of xcore: the context's parts, and which of them a manifest makes available.
import type { Json } from "../wire/json.ts";
import type { FromSchema } from "./types/from-schema.ts";

/**
 * What plugin.yaml declares. `plugin-env.d.ts`, written beside plugin.yaml, fills it in:
 * `permissions`, `call`, `publish`, `subscribe`, `secrets`, `services` and `config`. Until then nothing is available.
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

/** The patterns of events it may publish. */
export type PublishPattern = Member<"publish", never>;

/** The patterns of events it may handle. */
export type SubscribePattern = Member<"subscribe", never>;

/** What an action's `run` or a publisher has to give, from its schema: the form before the schema's own changes. */
export type GivenTo<Schema> = unknown extends Schema
  ? unknown
  : Schema extends { readonly "~standard": { readonly types?: infer Types } }
    ? NonNullable<Types> extends { readonly input: infer Given }
      ? Unwritten<Given>
      : unknown
    : Unwritten<FromSchema<Schema>>;

/** Readonly, six levels deep: what is only read may be either. */
type Unwritten<Value, Depth extends readonly 0[] = []> = Depth["length"] extends 6
  ? Value
  : Value extends object
    ? { readonly [Key in keyof Value]: Unwritten<Value[Key], [...Depth, 0]> }
    : Value;

/** What every handler is given beside its subject. It belongs to one call. `Payloads`: the schemas under `publishes`. */
export interface Context<Payloads = {}> {
  readonly plugin: { readonly name: string; readonly version: string };
  readonly config: Config;
  readonly log: Log;
  /** Aborted when the caller has gone or the call's deadline has passed. */
  readonly signal: AbortSignal;
  readonly db: Permitted<"database", Database>;
  readonly cache: Permitted<"cache", Cache>;
  readonly jobs: Permitted<"jobs", Jobs>;
  readonly events: Permitted<"events", Events<Payloads>>;
  /** Runs an action of another plugin: `call("mailer.send", { to, text })`. */
  readonly call: Permitted<"call", CallAction>;
  /** As the global `fetch`, ended together with the call. */
  readonly fetch: Permitted<"fetch", Fetch>;
  readonly secrets: Permitted<"secrets", Secrets>;
  readonly services: Permitted<"services", Services>;
}

export interface RequestContext<Payloads = {}> extends Context<Payloads> {
  /** Values of the route's `:names`, decoded; `*` is the rest of the path. */
  readonly params: Readonly<Record<string, string>>;
  /** The URL's query; of a name that stands there twice the first value. */
  readonly query: Readonly<Record<string, string | undefined>>;
}

export interface JobContext<Payloads = {}> extends Context<Payloads> {
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

export interface Events<Payloads = {}> {
  /**
   * To whoever handles the event now; at most once, nothing is kept. With `durable` through the job queue: at least once,
   * also to who is away for the moment. Rejects with `INPUT_INVALID` what the event's schema under `publishes` refuses.
   */
  publish<Name extends Member<"publish", never>>(
    name: Name,
    ...given: Name extends keyof Payloads
      ? [payload: GivenTo<Payloads[Name]>, options?: PublishOptions]
      : [payload?: unknown, options?: PublishOptions]
  ): Promise<void>;
}

export interface PublishOptions {
  /**
   * Events of one key reach a plugin one at a time and in order; those of different keys may overtake each other. A durable one
   * that fails holds back those of its key until it works or has no try left.
   */
  key?: string;
  /** Kept until it is handled, tried again when a handler fails; without a key in no order. Default false. */
  durable?: boolean;
}

export type CallAction = <Result = Json>(action: Member<"call", never>, input?: unknown) => Promise<Result>;

export interface Secrets {
  get(name: Member<"secrets", never>): Promise<string>;
}

/** Services of the installation's own. */
export interface Services {
  /** `get<Mail>("mail").send({ to })`: each method of `Offered` takes and gives JSON. */
  get<Offered extends object>(name: Member<"services", never>): Remote<Offered>;
}

/** The methods of a service as they are called from here: with one input, and always with a promise. */
export type Remote<Offered extends object> = {
  readonly [
    Method in keyof Offered as Offered[Method] extends (...args: never) => unknown ? Method : never
  ]: Offered[Method] extends (...args: infer Given) => infer Result
    ? (...input: Given extends [infer Input, ...unknown[]] ? [input: Input] : []) => Promise<Awaited<Result>>
    : never;
};

export type Fetch = (input: Request | URL | string, init?: RequestInit) => Promise<Response>;

/** The global `fetch`: there when plugin.yaml asks for it. */
export type GlobalFetch = Permitted<"fetch", Fetch>;

export interface EventDelivery {
  /** Only of durable ones: the same at every try, an idempotency key. */
  readonly id?: string;
  readonly name: string;
  readonly payload: Json;
  /** The plugin that published it, or `core`. */
  readonly source: string;
}

export type { Json, FromSchema };

// What `import … from "xcore/plugin"` gives, in a plugin's bundle and in an editor.
import type { JobBackoff } from "../wire/guest-calls.ts";
import type {
  Context,
  EventDelivery,
  FromSchema,
  GivenTo,
  JobContext,
  Json,
  Permitted,
  PublishPattern,
  RequestContext,
  SubscribePattern,
  Undeclared,
} from "./plugin-api.ts";

export type * from "./plugin-api.ts";
export type * from "./types/web.ts";

/** Result of a handler: a Response; text; anything JSON can say; or nothing, which is 204. */
export type Answer = unknown;

export type RouteHandler<Payloads = {}> = (request: Request, ctx: RequestContext<Payloads>) => Answer;

/** zod, valibot and others. https://standardschema.dev */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => unknown;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** What an action's `run` is given, from its schema. */
export type InputOf<Schema> = unknown extends Schema
  ? Json
  : Schema extends { readonly "~standard": { readonly types?: infer Types } }
    ? NonNullable<Types> extends { readonly output: infer Output }
      ? Output
      : unknown
    : FromSchema<Schema>;

export interface Action<Schema, Output = unknown, Payloads = {}> {
  description?: string;
  /** JSON Schema or Standard Schema; the input is checked before `run`. */
  input?: Schema;
  /** The same for what `run` gives. */
  output?: Output;
  /** Names of the plugins that may call it. Default: every plugin whose plugin.yaml says so. */
  callers?: readonly string[];
  /** Running it twice does no more than once: a call that failed on the way is tried again. Default false. */
  idempotent?: boolean;
  run(input: InputOf<Schema>, ctx: Context<Payloads>): GivenTo<Output> | Promise<GivenTo<Output>>;
}

type Actions<Inputs, Outputs, Payloads> = {
  readonly [Name in keyof Inputs]: Action<Inputs[Name], Outputs[Name & keyof Outputs], Payloads>;
} & {
  // A second look at the same members, from which the schemas of the outputs are inferred.
  readonly [Name in keyof Outputs]: { output?: Outputs[Name] };
};

export interface Job<Payloads = {}> {
  /** A human interval: "1 hour". */
  every?: string;
  /** Five fields: "0 4 * * 1". */
  cron?: string;
  /** IANA zone for `cron`; UTC when absent. */
  timezone?: string;
  /** Runs at the same time in one process. Default 1. */
  concurrency?: number;
  /** Tries after the first failed one. Default 3. */
  retries?: number;
  /** How long they wait: 1 s, 2 s, 4 s … at most 10 minutes, a fifth more or less, unless it says otherwise. */
  backoff?: JobBackoff;
  run(data: Json, ctx: JobContext<Payloads>): unknown;
}

/** Only events that plugin.yaml may publish. */
export type Publishes<Payloads> = [PublishPattern] extends [never]
  ? Undeclared<"events.publish">
  : { readonly [Name in keyof Payloads]: Payloads[Name] } & {
      readonly [
        Name in keyof Payloads as Name extends PublishPattern ? never : Name
      ]: Undeclared<"events.publish">;
    };

/** Only events that plugin.yaml subscribes to. */
export type EventHandlers<Payloads = {}> = [SubscribePattern] extends [never]
  ? Undeclared<"events.subscribe">
  : { readonly [Pattern in SubscribePattern]?: (event: EventDelivery, ctx: Context<Payloads>) => unknown };

/** A request to another plugin. */
export interface HookedRequest {
  readonly plugin: string;
  /** As in the log, and in the header `x-request-id` of the answer. */
  readonly requestId: string;
  readonly method: string;
  /** Its path is relative to the plugin. */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** A call of another plugin's action. */
export interface HookedAction {
  readonly plugin: string;
  readonly action: string;
  /** The plugin that calls; null: the operator. */
  readonly caller: string | null;
  readonly input: Json;
}

export interface HookedFault {
  readonly error: { readonly code: string; readonly message: string; readonly status: number };
  readonly ms: number;
}

/** Null takes a header away. */
export interface HeaderChanges {
  headers: Readonly<Record<string, string | null>>;
}

type Given<Value> = Value | void | Promise<Value | void>;

/** Around the calls of all other plugins. Only a trusted plugin may have them. */
export interface PluginHooks<Payloads = {}> {
  request?: {
    /** May change headers, or answer in the plugin's place. Throwing fails the request. */
    before?(call: HookedRequest, ctx: Context<Payloads>): Given<HeaderChanges | Response>;
    /** May change the answer's headers. What it throws is logged. */
    after?(
      call: HookedRequest & {
        readonly status: number;
        readonly responseHeaders: HookedRequest["headers"];
        readonly ms: number;
      },
      ctx: Context<Payloads>,
    ): Given<HeaderChanges>;
    error?(call: HookedRequest & HookedFault, ctx: Context<Payloads>): unknown;
  };
  action?: {
    /** May put another input in its place. Throwing fails the call. */
    before?(call: HookedAction, ctx: Context<Payloads>): Given<{ input: Json }>;
    after?(
      call: HookedAction & { readonly output: Json; readonly ms: number },
      ctx: Context<Payloads>,
    ): Given<{ output: Json }>;
    error?(call: HookedAction & HookedFault, ctx: Context<Payloads>): unknown;
  };
}

export interface PluginDefinition<Inputs, Outputs = {}, Payloads = {}> {
  /** "GET /notes/:id"; `*` at the end stands for the rest. HEAD is answered by GET. */
  routes?: Readonly<Record<string, RouteHandler<Payloads>>>;
  /** Whatever no route matches: any web-standard handler, for example a Hono app's `fetch`. */
  fetch?(request: Request, ctx: RequestContext<Payloads>): Response | Promise<Response>;
  /** What other plugins and the command line can call. */
  actions?: Actions<Inputs, Outputs, Payloads>;
  jobs?: Permitted<"jobs", Readonly<Record<string, Job<Payloads>>>>;
  /** The payloads of the events it publishes: name to JSON Schema or Standard Schema, checked by `ctx.events.publish`. */
  publishes?: Publishes<Payloads>;
  /** By event name, or a pattern with `*` as its last segment. */
  events?: EventHandlers<Payloads>;
  hooks?: PluginHooks<Payloads>;
  /** Before anything else is asked of the plugin; throwing refuses the load. */
  start?(ctx: Context<Payloads>): unknown;
  /** After the last call; it has two seconds. */
  stop?(ctx: Context<Payloads>): unknown;
}

/** Says what a plugin does. The entry's default export. */
export function definePlugin<
  const Inputs extends Readonly<Record<string, unknown>> = {},
  const Outputs extends Readonly<Record<string, unknown>> = {},
  const Payloads extends Readonly<Record<string, unknown>> = {},
>(definition: PluginDefinition<Inputs, Outputs, Payloads>): PluginDefinition<Inputs, Outputs, Payloads> {
  return definition;
}

/** Thrown from a route it becomes an RFC 9457 problem with this status: `throw new HttpError(404, "no such note")`. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  /** Further members of the problem. */
  readonly members: Readonly<Record<string, Json>>;

  /** `status` from 400 to 499: the client is at fault. For anything else throw an ordinary error. */
  constructor(status: number, message: string, members: Readonly<Record<string, Json>> = {}) {
    super(message);
    if (!(status >= 400 && status <= 499))
      throw new RangeError(`HttpError: ${status} is not from 400 to 499`);
    this.status = status;
    this.members = members;
  }
}

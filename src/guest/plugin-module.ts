// What `import … from "xcore/plugin"` gives, in a plugin's bundle and in an editor.
import type { JobBackoff } from "../wire/guest-calls.ts";
import type {
  Context,
  EventDelivery,
  FromSchema,
  JobContext,
  Json,
  Permitted,
  RequestContext,
  SubscribePattern,
  Undeclared,
} from "./plugin-api.ts";

export type * from "./plugin-api.ts";
export type * from "./types/web.ts";

/** Result of a handler: a Response; text; anything JSON can say; or nothing, which is 204. */
export type Answer = unknown;

export type RouteHandler = (request: Request, ctx: RequestContext) => Answer;

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

export interface Action<Schema> {
  description?: string;
  /** JSON Schema or Standard Schema; the input is checked before `run`. */
  input?: Schema;
  run(input: InputOf<Schema>, ctx: Context): unknown;
}

export interface Job {
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
  run(data: Json, ctx: JobContext): unknown;
}

/** Only events that plugin.yaml subscribes to. */
export type EventHandlers = [SubscribePattern] extends [never]
  ? Undeclared<"events.subscribe">
  : { readonly [Pattern in SubscribePattern]?: (event: EventDelivery, ctx: Context) => unknown };

export interface PluginDefinition<Inputs> {
  /** "GET /notes/:id"; `*` at the end stands for the rest. HEAD is answered by GET. */
  routes?: Readonly<Record<string, RouteHandler>>;
  /** Whatever no route matches: any web-standard handler, for example a Hono app's `fetch`. */
  fetch?(request: Request, ctx: RequestContext): Response | Promise<Response>;
  /** What other plugins and the command line can call. */
  actions?: { readonly [Name in keyof Inputs]: Action<Inputs[Name]> };
  jobs?: Permitted<"jobs", Readonly<Record<string, Job>>>;
  /** By event name, or a pattern with `*` as its last segment. */
  events?: EventHandlers;
  /** Before anything else is asked of the plugin; throwing refuses the load. */
  start?(ctx: Context): unknown;
  /** After the last call; it has two seconds. */
  stop?(ctx: Context): unknown;
}

/** Says what a plugin does. The entry's default export. */
export function definePlugin<const Inputs extends Readonly<Record<string, unknown>> = {}>(
  definition: PluginDefinition<Inputs>,
): PluginDefinition<Inputs> {
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

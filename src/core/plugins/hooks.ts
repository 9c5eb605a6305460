// What trusted plugins do around the requests and actions of all others: before, after, and when they fail.
import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import type { GuestRequest, HookName } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import { timeLeft, withDeadline } from "../base/deadline.ts";
import { asXcoreError, messageOf, XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { CallOptions, PluginResponse } from "../sandbox/sandbox.ts";

/** A living revision that has hooks. */
export interface Hooking {
  readonly plugin: string;
  readonly names: readonly HookName[];
  call(name: HookName, payload: Json, options: CallOptions): Promise<Json>;
}

export interface HookedRequest {
  plugin: string;
  requestId: string;
  request: GuestRequest;
  options: CallOptions;
}

export interface HookedAction {
  plugin: string;
  action: string;
  /** Null: the operator. */
  caller: string | null;
  input: Json;
  options: CallOptions;
}

const Headers = Type.Record(
  Type.String({ pattern: "^[A-Za-z0-9-]{1,100}$" }),
  Type.Union([Type.String(), Type.Null()]),
);
const Answer = Type.Object({
  status: Type.Integer({ minimum: 200, maximum: 599 }),
  headers: Type.Array(Type.String()),
  body: Type.String(),
});
const AboutRequest = Type.Union([
  Type.Null(),
  Type.Object(
    { headers: Type.Optional(Headers), response: Type.Optional(Answer) },
    { additionalProperties: false },
  ),
]);
const AboutResponse = Type.Union([
  Type.Null(),
  Type.Object({ headers: Type.Optional(Headers) }, { additionalProperties: false }),
]);

export interface HooksOptions {
  logger: Logger;
  /** Plugins without whose hooks nothing may be called. */
  required(): readonly string[];
  /** Settles when a plugin that is being loaded is up or has failed; undefined: it is not being loaded. */
  coming(plugin: string): Promise<void> | undefined;
}

export class Hooks {
  readonly #options: HooksOptions;
  /** By the name of the plugin, so that their order is always the same. */
  #all: readonly Hooking[] = [];

  constructor(options: HooksOptions) {
    this.#options = options;
  }

  /** Whether calls need not come here. */
  get isEmpty(): boolean {
    return this.#all.length === 0 && this.#options.required().length === 0;
  }

  /** From now on they are called, in place of those of an older revision; gives what takes them away again. */
  bind(hooking: Hooking): () => void {
    const others = this.#all.filter(({ plugin }) => plugin !== hooking.plugin);
    this.#all = [...others, hooking].sort((a, b) => (a.plugin < b.plugin ? -1 : 1));
    return () => {
      this.#all = this.#all.filter((one) => one !== hooking);
    };
  }

  /** A hook that fails before the request fails it; one that fails after it is logged. */
  async request(
    hooked: HookedRequest,
    run: (request: GuestRequest) => Promise<PluginResponse>,
  ): Promise<PluginResponse> {
    const startedAt = performance.now();
    const { plugin, requestId, options } = hooked;
    let { request } = hooked;
    let answer: PluginResponse | undefined;
    await this.#complete([plugin], options);
    const told = (): { [key: string]: Json } => ({
      plugin,
      requestId,
      method: request.method,
      url: request.url,
      headers: pairs(request.headers),
    });
    for (const hooking of this.#with("request.before", plugin)) {
      const said = await ask(hooking, { name: "request.before", payload: told(), options, startedAt });
      const changes = checked(AboutRequest, said, hooking, "request.before");
      if (changes?.headers !== undefined) {
        request = { ...request, headers: withHeaders(request.headers, changes.headers) };
      }
      if (changes?.response === undefined) continue;
      answer = { ...changes.response, encoding: "utf8" };
      break;
    }
    try {
      answer ??= await run(request);
    } catch (error) {
      this.#tell("request.error", { ...told(), ...faultOf(error, startedAt) }, { plugin, options });
      throw error;
    }
    for (const hooking of this.#with("request.after", plugin).toReversed()) {
      const payload = {
        ...told(),
        status: answer.status,
        responseHeaders: pairs(answer.headers),
        ms: since(startedAt),
      };
      try {
        const said = await ask(hooking, { name: "request.after", payload, options, startedAt });
        const changes = checked(AboutResponse, said, hooking, "request.after");
        if (changes?.headers !== undefined) {
          answer = { ...answer, headers: withHeaders(answer.headers, changes.headers) };
        }
      } catch (error) {
        this.#failed(hooking, "request.after", error);
      }
    }
    return answer;
  }

  /** As `request`: a hook may put another input or output in place of the one it is shown. */
  async action(hooked: HookedAction, run: (input: Json) => Promise<Json>): Promise<Json> {
    const startedAt = performance.now();
    const { plugin, action, caller, options } = hooked;
    let { input } = hooked;
    // One that must see all calls may need another plugin to get up itself.
    await this.#complete(caller === null ? [plugin] : [plugin, caller], options);
    for (const hooking of this.#with("action.before", plugin)) {
      const payload = { plugin, action, caller, input };
      const said = await ask(hooking, { name: "action.before", payload, options, startedAt });
      if (isChange(said, "input")) input = said["input"] ?? null;
    }
    let output: Json;
    try {
      output = await run(input);
    } catch (error) {
      const payload = { plugin, action, caller, input, ...faultOf(error, startedAt) };
      this.#tell("action.error", payload, { plugin, options });
      throw error;
    }
    for (const hooking of this.#with("action.after", plugin).toReversed()) {
      const payload = { plugin, action, caller, input, output, ms: since(startedAt) };
      try {
        const said = await ask(hooking, { name: "action.after", payload, options, startedAt });
        if (isChange(said, "output")) output = said["output"] ?? null;
      } catch (error) {
        this.#failed(hooking, "action.after", error);
      }
    }
    return output;
  }

  /** Waits for hooks that must be there; rejects when they will not be. `own`: plugins whose own call it is. */
  async #complete(own: readonly string[], { timeoutMs }: CallOptions): Promise<void> {
    for (const name of this.#options.required()) {
      if (own.includes(name) || this.#isBound(name)) continue;
      const message = `plugin '${name}', which must see every call, is not ready`;
      const coming = this.#options.coming(name)?.catch(() => undefined);
      if (coming !== undefined)
        await withDeadline(coming, { ms: timeoutMs, code: "PLUGIN_NOT_READY", message });
      if (this.#isBound(name)) continue;
      throw new XcoreError("PLUGIN_NOT_READY", message, {
        hint: `See xcore plugin info ${name}. To serve without it, remove hooks under plugins.${name}.trust in integration.yaml.`,
      });
    }
  }

  #isBound(name: string): boolean {
    return this.#all.some(({ plugin }) => plugin === name);
  }

  /** A plugin's own calls are not shown to itself. */
  #with(name: HookName, plugin: string): readonly Hooking[] {
    return this.#all.filter((hooking) => hooking.plugin !== plugin && hooking.names.includes(name));
  }

  /** Nobody waits for what they do with it. */
  #tell(name: HookName, payload: Json, { plugin, options }: { plugin: string; options: CallOptions }): void {
    // The call's own time may be what was used up.
    const { origin } = options;
    const given = { timeoutMs: errorTimeoutMs, ...(origin === undefined ? {} : { origin }) };
    for (const hooking of this.#with(name, plugin)) {
      hooking.call(name, payload, given).catch((error: unknown) => this.#failed(hooking, name, error));
    }
  }

  #failed({ plugin }: Hooking, name: HookName, error: unknown): void {
    this.#options.logger.error(
      { plugin, hook: name },
      `the hook ${name} of plugin '${plugin}' failed: ${messageOf(error)}`,
    );
  }
}

const errorTimeoutMs = 5000;

interface Question {
  name: HookName;
  payload: Json;
  options: CallOptions;
  startedAt: number;
}

function ask(hooking: Hooking, { name, payload, options, startedAt }: Question): Promise<Json> {
  const { timeoutMs, signal, origin } = options;
  return hooking.call(name, payload, {
    timeoutMs: timeLeft(timeoutMs, startedAt),
    ...(signal === undefined ? {} : { signal }),
    ...(origin === undefined ? {} : { origin }),
  });
}

function checked<Schema extends typeof AboutRequest | typeof AboutResponse>(
  schema: Schema,
  said: Json,
  { plugin }: Hooking,
  name: HookName,
): Static<Schema> {
  if (Value.Check(schema, said)) return said;
  throw new XcoreError(
    "PLUGIN_BAD_RESPONSE",
    `the hook ${name} of plugin '${plugin}' gave what is no answer of it`,
    {
      hint: "A hook gives nothing, or an object with what it changes; see docs/plugins/hooks.md.",
    },
  );
}

function isChange(said: Json, key: string): said is { [key: string]: Json } {
  return typeof said === "object" && said !== null && !Array.isArray(said) && Object.hasOwn(said, key);
}

function faultOf(error: unknown, startedAt: number): { error: { [key: string]: Json }; ms: number } {
  const { code, message, status } = asXcoreError(error);
  return { error: { code, message, status }, ms: since(startedAt) };
}

const since = (startedAt: number): number => Math.round((performance.now() - startedAt) * 100) / 100;

function pairs(flat: readonly string[]): string[][] {
  const found: string[][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) found.push([flat[at] ?? "", flat[at + 1] ?? ""]);
  return found;
}

/** Null takes a header away; a text replaces all of its name. */
function withHeaders(flat: readonly string[], changes: Readonly<Record<string, string | null>>): string[] {
  const changed = new Set(Object.keys(changes).map((name) => name.toLowerCase()));
  const kept = pairs(flat).filter(([name = ""]) => !changed.has(name.toLowerCase()));
  const added = Object.entries(changes).flatMap(([name, value]) => (value === null ? [] : [[name, value]]));
  return [...kept, ...added].flat();
}

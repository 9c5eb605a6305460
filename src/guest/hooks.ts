// The hooks of a trusted plugin: what `definePlugin` was given under `hooks`, by the names the core calls them.
import type { HookName } from "../wire/guest-calls.ts";
import type { Json } from "../wire/json.ts";
import { fault, functionOf, rejectUnknown, tableOf, type Fields, type Handler } from "./definition-parts.ts";
import { SafeMap } from "./primordials.ts";
import { isResponse } from "./web/response.ts";

const around = ["request", "action"] as const;
const moments = ["before", "after", "error"] as const;

export function readHooks(fields: Fields): SafeMap<string, Handler> {
  const hooks = new SafeMap<string, Handler>();
  if (fields["hooks"] === undefined) return hooks;
  const given = tableOf(fields["hooks"], "hooks", "{ request: { before(call, ctx) { … } } }");
  rejectUnknown(given, around, "hooks");
  for (const what of around) {
    if (given[what] === undefined) continue;
    const where = `hooks.${what}`;
    const table = tableOf(given[what], where, "{ before, after, error }");
    rejectUnknown(table, moments, where);
    for (const moment of moments) {
      if (table[moment] === undefined) continue;
      const method = functionOf(table[moment], `${where}.${moment}`);
      hooks.set(`${what}.${moment}` satisfies HookName, (call, ctx) => method.call(table, call, ctx));
    }
  }
  if (hooks.size === 0) throw fault("hooks", "there is none in it");
  return hooks;
}

/** What a hook gave, as the core takes it: a Response answers in the plugin's place. */
export async function hookAnswer(given: unknown): Promise<Json> {
  if (given === undefined || given === null) return null;
  if (!isResponse(given)) return given as Json;
  const headers: string[] = [];
  given.headers.forEach((value: string, name: string) => headers.push(name, value));
  return { response: { status: given.status, headers, body: await given.text() } };
}

// What breaks for callers when one version of a plugin follows another. Pure: descriptions in, sentences out.
import type { ActionDescription, GuestDescription } from "../../wire/guest-calls.ts";
import { plainText } from "../sandbox/guest-text.ts";
import { schemaBudget, schemaGaps } from "./schema-gaps.ts";

export interface ActionBreak {
  readonly action: string;
  readonly kind: "removed" | "callers" | "idempotent" | "input" | "output";
  /** JSON pointer of the part of the input or output; empty for the whole, `*` stands for every element or other member. */
  readonly path: string;
  /** One sentence without the action's name: "input /to: 'to' is now required". */
  readonly message: string;
}

type Actions = GuestDescription["actions"];

/**
 * What callers of `before` can no longer rely on in `after`: an action that is gone, a caller that is refused, an input that is
 * refused, an output that may be other than it was. Only what JSON Schema says is compared: an action that describes no schema
 * on either side has no break on that side. What is added is no break, and schemas that are too much to compare have none. At most `maxBreaks`, in the order of `before`.
 */
export function compareActions(before: Actions, after: Actions): ActionBreak[] {
  const budget = schemaBudget();
  return Object.entries(before)
    .flatMap(([name, action]) => {
      const next = Object.hasOwn(after, name) ? after[name] : undefined;
      if (next !== undefined) return breaksOf(name, [action, next], budget);
      return [{ action: name, kind: "removed" as const, path: "", message: "it is gone" }];
    })
    .slice(0, maxBreaks);
}

const maxBreaks = 100;

export interface EventBreak {
  readonly event: string;
  /** As in `ActionBreak`. */
  readonly path: string;
  /** "payload /id: it may now be a string, not only a number" */
  readonly message: string;
}

type Published = GuestDescription["publishes"];

/**
 * What handlers of `before` can no longer rely on in the payloads of `after`. An event that describes no payload on either side has
 * no break: it may still be published.
 */
export function compareEvents(before: Published, after: Published): EventBreak[] {
  const budget = schemaBudget();
  return Object.entries(before)
    .flatMap(([event, { payload: accepted }]) => {
      const given = Object.hasOwn(after, event) ? after[event]?.payload : undefined;
      if (accepted === undefined || given === undefined) return [];
      return schemaGaps({ given, accepted, side: "output", budget }).map(({ path, message }) => ({
        event,
        path,
        message: sentence("payload", path, message),
      }));
    })
    .slice(0, maxBreaks);
}

function breaksOf(
  action: string,
  [before, after]: readonly [ActionDescription, ActionDescription],
  budget: ReturnType<typeof schemaBudget>,
): ActionBreak[] {
  const breaks: ActionBreak[] = [];
  const excluded = excludedCallers(before.callers, after.callers);
  if (excluded !== undefined) breaks.push({ action, kind: "callers", path: "", message: excluded });
  if (before.idempotent === true && after.idempotent !== true) {
    const message = "it is no longer idempotent: calls that fail on the way are not tried again";
    breaks.push({ action, kind: "idempotent", path: "", message });
  }
  const side = (kind: "input" | "output", gaps: ReturnType<typeof schemaGaps>): void => {
    for (const { path, message } of gaps) {
      breaks.push({ action, kind, path, message: sentence(kind, path, message) });
    }
  };
  if (before.input !== undefined && after.input !== undefined) {
    side("input", schemaGaps({ given: before.input, accepted: after.input, side: "input", budget }));
  }
  if (before.output !== undefined && after.output !== undefined) {
    side("output", schemaGaps({ given: after.output, accepted: before.output, side: "output", budget }));
  }
  return breaks;
}

function excludedCallers(
  before: readonly string[] | undefined,
  after: readonly string[] | undefined,
): string | undefined {
  if (after === undefined) return undefined;
  const now =
    after.length === 0 ? "no plugin may call it any more" : `now only ${after.join(", ")} may call it`;
  if (before === undefined) return now;
  const gone = before.filter((caller) => !after.includes(caller));
  return gone.length === 0 ? undefined : `${gone.join(", ")} may not call it any more`;
}

function sentence(what: string, path: string, message: string): string {
  return plainText(`${what}${path === "" ? "" : ` ${path}`}: ${message}`, 300);
}

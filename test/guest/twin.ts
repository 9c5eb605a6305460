// The same code run twice, inside an isolate and in Node, whose answers are what the web says.
import type ivm from "isolated-vm";
import type { Json } from "../../src/wire/json.ts";
import type { Guest } from "./harness.ts";

/** Stands alone: of what is around it, only the globals exist inside. What it throws counts as an answer, by name. */
export type Probe<Input> = (input: Input) => Json | Promise<Json>;

export interface Answers {
  inside: Json;
  outside: Json;
}

export function twin<Input extends Json>(
  guest: Guest,
  probe: Probe<Input>,
): (input: Input) => Promise<Answers> {
  const inside = guest.context.evalSync(
    `(async (json) => {
      try { return JSON.stringify(await (${String(probe)})(JSON.parse(json))); }
      catch (error) { return JSON.stringify("threw " + error.name); }
    })`,
    { reference: true },
  ) as ivm.Reference<(json: string) => Promise<string>>;
  return async (input) => {
    const json = JSON.stringify(input);
    const options = { timeout: 5000, result: { promise: true, copy: true } } as const;
    const [answer, outside] = await Promise.all([
      inside.apply(undefined, [json], options) as Promise<unknown>,
      answerOf(probe, JSON.parse(json) as Input),
    ]);
    return { inside: JSON.parse(String(answer)) as Json, outside };
  };
}

async function answerOf<Input>(probe: Probe<Input>, input: Input): Promise<Json> {
  try {
    return JSON.parse(JSON.stringify(await probe(input))) as Json;
  } catch (error) {
    return `threw ${(error as Error).name}`;
  }
}

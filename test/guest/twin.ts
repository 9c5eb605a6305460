// The same code run twice, inside an isolate and in Node, whose answers are what the web says.
import assert from "node:assert/strict";
import * as fc from "fast-check";
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
    const options = { timeout: 60_000, result: { promise: true, copy: true } } as const;
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

const seed = 20_260_101;

/** For every input the answer inside is Node's. The same inputs each time. */
export async function agree<Input extends Json>(
  guest: Guest,
  inputs: fc.Arbitrary<Input>,
  probe: Probe<Input>,
  numRuns = 2000,
): Promise<void> {
  const answer = twin(guest, probe);
  const property = fc.asyncProperty(inputs, async (input) => {
    const { inside, outside } = await answer(input);
    assert.deepEqual(inside, outside);
  });
  await fc.assert(property, { numRuns, seed });
}

export const words = (given: string): string[] => given.split(" ");

export const made = (parts: readonly string[], maxLength = 8): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...parts), { maxLength }).map((chosen) => chosen.join(""));

/** Also lone halves of pairs. */
export const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc
    .array(fc.integer({ min: 0xd7f0, max: 0xe010 }), { maxLength: 6 })
    .map((codes) => String.fromCharCode(...codes)),
);
export const bytes = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(
      0xef,
      0xbb,
      0xbf,
      0xe2,
      0x82,
      0xac,
      0xf0,
      0x9f,
      0x92,
      0xa9,
      0xc0,
      0xed,
      0xa0,
      0xfe,
      0xff,
      0xd8,
      0xdc,
    ),
  ),
  { maxLength: 14 },
);

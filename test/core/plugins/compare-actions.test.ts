// What is a breaking change of an action, and what is not: a table of schemas before and after.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { z } from "zod";
import { compareActions, compareEvents } from "../../../src/core/plugins/compare-actions.ts";
import type { Json } from "../../../src/wire/json.ts";

const object = (properties: Record<string, Json>, ...required: string[]): Json => ({
  type: "object",
  properties,
  ...(required.length > 0 ? { required } : {}),
});
const text = { type: "string" };
const number = { type: "number" };
const tree: Json = object({ name: text, children: { type: "array", items: { $ref: "#" } } });

/** What the change of a schema breaks, as messages. */
function broken(side: "input" | "output", before: Json, after: Json): string[] {
  return compareActions({ a: { [side]: before } }, { a: { [side]: after } }).map(({ message }) => message);
}

type Cases = readonly (readonly [what: string, before: Json, after: Json, ...expected: string[]])[];

const inputs: Cases = [
  ["the same", object({ to: text }, "to"), object({ to: text }, "to")],
  ["a new optional member", object({ to: text }), object({ to: text, cc: text })],
  [
    "a new required member",
    object({ to: text }),
    object({ to: text, cc: text }, "cc"),
    "input /cc: 'cc' is now required",
  ],
  [
    "a member that was optional",
    object({ to: text }),
    object({ to: text }, "to"),
    "input /to: 'to' is now required",
  ],
  ["a member that need not be given any more", object({ to: text }, "to"), object({ to: text })],
  ["a member that is gone and would be ignored", object({ to: text, cc: text }), object({ to: text })],
  [
    "a member that is gone and refused",
    { ...(object({ to: text, cc: text }) as object), additionalProperties: false },
    { ...(object({ to: text }) as object), additionalProperties: false },
    "input /cc: 'cc' is no longer taken",
  ],
  [
    "other members refused",
    object({ to: text }),
    { ...(object({ to: text }) as object), additionalProperties: false },
    "input: members it does not name are no longer taken",
  ],
  [
    "another type",
    object({ n: number }),
    object({ n: text }),
    "input /n: it must now be a string, not a number",
  ],
  ["whole numbers only", number, { type: "integer" }, "input: it must now be an integer, not a number"],
  ["any number, not only whole ones", { type: "integer" }, number],
  ["one type more", text, { type: ["string", "null"] }],
  ["one type less", { type: ["string", "null"] }, text, "input: it must now be a string, not null"],
  ["something where anything was", true, text, "input: it must now be a string, not anything"],
  ["anything where something was", text, {}],
  ["a value less", { enum: ["a", "b"] }, { enum: ["a"] }, 'input: "b" is no longer taken'],
  ["a value more", { enum: ["a"] }, { enum: ["a", "b"] }],
  ["values where any text was", text, { type: "string", enum: ["a"] }, 'input: only "a" is taken now'],
  ["any text where values were", { enum: ["a"] }, text],
  ["both truth values listed", { type: "boolean" }, { enum: [true, false] }],
  ["one truth value", { type: "boolean" }, { const: true }, "input: only true is taken now"],
  [
    "a longer least length",
    { type: "string", minLength: 1 },
    { type: "string", minLength: 3 },
    "input: minLength is now 3 (was 1)",
  ],
  ["a least length of nothing", text, { type: "string", minLength: 0 }],
  [
    "a new least value of nothing",
    number,
    { type: "number", minimum: 0 },
    "input: minimum is now 0 (was absent)",
  ],
  ["a bound taken away", { type: "number", maximum: 5 }, number],
  ["a bound that another one keeps", { type: "number", exclusiveMinimum: 3 }, { type: "number", minimum: 3 }],
  [
    "another pattern",
    { type: "string", pattern: "^a" },
    { type: "string", pattern: "^b" },
    'input: pattern is now "^b" (was "^a")',
  ],
  ["a pattern taken away", { type: "string", pattern: "^a" }, text],
  [
    "elements of another type",
    { type: "array", items: text },
    { type: "array", items: number },
    "input /*: it must now be a number, not a string",
  ],
  [
    "the second of a pair",
    { type: "array", prefixItems: [text, text] },
    { type: "array", prefixItems: [text, number] },
    "input /1: it must now be a number, not a string",
  ],
  [
    "values of a map",
    { type: "object", additionalProperties: text },
    { type: "object", additionalProperties: number },
    "input /*: it must now be a number, not a string",
  ],
  [
    "a branch less",
    { anyOf: [text, number] },
    { anyOf: [text, { type: "null" }] },
    "input: it must now be a string, not a number",
  ],
  ["a branch more", { anyOf: [text] }, { oneOf: [text, number] }],
  [
    "a nested member",
    object({ a: object({ b: text }) }),
    object({ a: object({ b: text }, "b") }),
    "input /a/b: 'b' is now required",
  ],
  [
    "a reference to the same",
    { ...(object({ a: { $ref: "#/$defs/t" } }) as object), $defs: { t: text } },
    object({ a: text }),
  ],
  [
    "a reference to something else",
    { ...(object({ a: { $ref: "#/$defs/t" } }) as object), $defs: { t: text } },
    { ...(object({ a: { $ref: "#/$defs/t" } }) as object), $defs: { t: number } },
    "input /a: it must now be a number, not a string",
  ],
  [
    "all of the same parts",
    object({ a: text, b: text }, "a"),
    { allOf: [object({ a: text }, "a"), object({ b: text })] },
  ],
  [
    "one part more",
    object({ a: text }),
    { allOf: [object({ a: text }), object({}, "a")] },
    "input /a: 'a' is now required",
  ],
  ["a recursive schema, unchanged", tree, structuredClone(tree)],
  [
    "a recursive schema, narrowed",
    tree,
    object({ name: text, children: { type: "array", items: { $ref: "#" } } }, "name"),
    "input /name: 'name' is now required",
    "input /children/*/name: 'name' is now required",
  ],
  ["nothing at all", text, false, "input: nothing is taken any more"],
];

const outputs: Cases = [
  ["the same", object({ id: number }, "id"), object({ id: number }, "id")],
  ["a new member", object({ id: number }, "id"), object({ id: number, at: text }, "id", "at")],
  [
    "a new member where none was foreseen",
    { ...(object({ id: number }, "id") as object), additionalProperties: false },
    object({ id: number, at: text }, "id", "at"),
  ],
  [
    "a member that is gone",
    object({ id: number, at: text }, "id", "at"),
    object({ id: number }, "id"),
    "output /at: 'at' may be missing now",
  ],
  [
    "a member that is no longer sure",
    object({ id: number }, "id"),
    object({ id: number }),
    "output /id: 'id' may be missing now",
  ],
  ["a member that is sure now", object({ id: number }), object({ id: number }, "id")],
  [
    "another type",
    object({ id: number }),
    object({ id: text }),
    "output /id: it may now be a string, not only a number",
  ],
  ["null, too", text, { type: ["string", "null"] }, "output: it may now be null, not only a string"],
  ["never null any more", { type: ["string", "null"] }, text],
  ["a value more", { enum: ["a"] }, { enum: ["a", "b"] }, 'output: it may now be "b"'],
  ["a value less", { enum: ["a", "b"] }, { enum: ["a"] }],
  ["any text where values were", { enum: ["a"] }, text, 'output: it may now be other than "a"'],
  ["anything", text, true, "output: it may now be anything, not only a string"],
  ["a bound taken away", { type: "number", minimum: 0 }, number, "output: minimum is now absent (was 0)"],
  ["a bound more", number, { type: "number", minimum: 0 }],
  [
    "another format",
    { type: "string", format: "date" },
    { type: "string", format: "date-time" },
    'output: format is now "date-time" (was "date")',
  ],
];

for (const [side, cases] of [
  ["input", inputs],
  ["output", outputs],
] as const) {
  suite(`a change of an ${side}`, () => {
    for (const [what, before, after, ...expected] of cases) {
      test(`${what}: ${expected.length === 0 ? "breaks nothing" : "is a break"}`, () => {
        assert.deepEqual(broken(side, before, after), expected);
      });
    }
  });
}

suite("of actions", () => {
  test("one that is gone is a break, a new one is none", () => {
    assert.deepEqual(compareActions({ a: {}, b: {} }, { b: {}, c: {} }), [
      { action: "a", kind: "removed", path: "", message: "it is gone" },
    ]);
  });

  test("callers that are shut out and idempotence that is lost are breaks", () => {
    const messages = (before: object, after: object): string[] =>
      compareActions({ a: before }, { a: after }).map(({ message }) => message);
    assert.deepEqual(messages({}, { callers: ["x", "y"] }), ["now only x, y may call it"]);
    assert.deepEqual(messages({ callers: ["x", "y"] }, { callers: ["y", "z"] }), [
      "x may not call it any more",
    ]);
    assert.deepEqual(messages({ callers: ["x"] }, { callers: ["x", "z"] }), []);
    assert.deepEqual(messages({ callers: ["x"] }, {}), []);
    assert.match(messages({ idempotent: true }, {})[0] ?? "", /no longer idempotent/);
    assert.deepEqual(messages({}, { idempotent: true }), []);
  });

  test("what is not described on both sides is not compared", () => {
    assert.deepEqual(compareActions({ a: { input: text } }, { a: {} }), []);
    assert.deepEqual(compareActions({ a: {} }, { a: { input: text } }), []);
  });

  test("zod's own schemas say the same", () => {
    const before = z.object({ to: z.email(), note: z.string().optional(), n: z.number() });
    const after = z.strictObject({
      to: z.string(),
      note: z.string().default(""),
      n: z.number().int(),
      at: z.date().optional().catch(undefined),
    });
    const schema = (one: z.ZodType): Json =>
      z.toJSONSchema(one, { io: "input", unrepresentable: "any" }) as Json;
    assert.deepEqual(broken("input", schema(before), schema(before)), []);
    assert.deepEqual(broken("input", schema(before), schema(after)), [
      "input /n: it must now be an integer, not a number",
      "input: members it does not name are no longer taken",
    ]);
  });

  test("schemas made to explode are compared as far as it is reasonable", () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 25 }, (_, at) => [
        `d${at}`,
        { anyOf: Array.from({ length: 10 }, () => ({ $ref: `#/$defs/d${at + 1}` })) },
      ]),
    );
    const bomb = { $ref: "#/$defs/d0", $defs } as Json;
    const deep = Array.from({ length: 3000 }).reduce<Json>(
      (inner) => ({ allOf: [{ properties: { a: inner } }, { properties: { a: inner } }] }),
      text,
    );
    const loop = { allOf: [{ $ref: "#" }, { $ref: "#" }] };
    const names = Array.from({ length: 2500 }, (_, at) => `n${at}`);
    const wide = (value: Json): Json => ({
      properties: Object.fromEntries(names.map((name) => [name, value])),
    });
    const mesh = {
      allOf: Array.from({ length: 50 }, () => ({
        anyOf: Array.from({ length: 60 }, () => ({ $ref: "#/$defs/w" })),
      })),
      $defs: { w: wide(true) },
    };
    const lists = {
      anyOf: Array.from({ length: 60 }, () => ({ $ref: "#/$defs/e" })),
      $defs: { e: { enum: names } },
    };
    for (const schema of [bomb, deep, loop, mesh, lists] as Json[]) {
      const other = { ...(schema as object), title: "x" };
      const actions = (side: Json): Record<string, object> =>
        Object.fromEntries(names.map((name) => [name, { input: side, output: side }]));
      assert.deepEqual(compareActions(actions(schema), actions(other)), []);
      assert.ok(compareActions(actions(schema), actions(text)).length <= 100);
    }
  });
});

test("of events: a payload that may be other than it was is a break, one that is no longer described is none", () => {
  const before = {
    changed: { payload: object({ id: number, at: text }, "id", "at") },
    wider: { payload: object({ id: number }) },
    undescribed: { payload: text },
    plain: {},
  };
  const after = {
    changed: { payload: object({ id: text, at: text }, "id") },
    wider: { payload: object({ id: number, at: text }, "at") },
    undescribed: {},
    plain: { payload: text },
  };
  assert.deepEqual(compareEvents(before, after), [
    { event: "changed", path: "/at", message: "payload /at: 'at' may be missing now" },
    { event: "changed", path: "/id", message: "payload /id: it may now be a string, not only a number" },
  ]);
  assert.deepEqual(compareEvents(before, before), []);
});

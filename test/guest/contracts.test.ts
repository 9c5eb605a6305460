// What a plugin promises others: the outputs of its actions, the payloads of its events, and how both are described.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Json } from "../../src/wire/json.ts";
import { Guest, type GuestFailure } from "./harness.ts";

const define = (body: string): string => `
  import { definePlugin } from "xcore/plugin";
  import { z } from "zod";
  import * as v from "valibot";
  export default definePlugin({ ${body} });`;

const refusesWith = (code: string, message: RegExp) => (error: GuestFailure) => {
  assert.equal(error.error.code, code);
  assert.match(error.message, message);
  return true;
};

suite("an action's output", () => {
  const actions = define(`actions: {
    zod: { output: z.object({ id: z.number(), at: z.string().default("now") }), run: (input) => input },
    schema: {
      output: { type: "object", required: ["at"], additionalProperties: false, properties: { at: { type: "string" } } },
      run: (input) => (input === null ? { at: new Date(0) } : input),
    },
    nothing: { output: { type: "null" }, run() {} },
    late: { output: z.string(), run: async (input) => { await null; return input; } },
  }`);

  test("is what its schema makes of it", async () => {
    using guest = await Guest.load(actions);
    assert.deepEqual(await guest.call("action", "zod", { id: 1, more: true }), { id: 1, at: "now" });
    assert.deepEqual(await guest.call("action", "schema", null), { at: "1970-01-01T00:00:00.000Z" });
    assert.equal(await guest.call("action", "nothing", null), null);
    assert.equal(await guest.call("action", "late", "x"), "x");
  });

  test("is refused with the path of each fault, and nothing of it leaves the plugin", async () => {
    using guest = await Guest.load(actions);
    const refused = (name: string, input: Json, message: RegExp) =>
      assert.rejects(guest.call("action", name, input), refusesWith("OUTPUT_INVALID", message));
    await refused("zod", { id: "secret" }, /^action 'zod': the output is not valid: \/id: .*number/);
    await refused("schema", { at: 7 }, /^action 'schema': the output is not valid: \/at: /);
    await refused("schema", { at: "x", more: 1 }, /\/more: is not allowed here/);
    await refused("late", 1, /output is not valid: .*string/);
  });
});

suite("an event's payload", () => {
  const publishes = define(`
    publishes: {
      "note.created": z.object({ id: z.number(), tags: z.array(z.string()).default([]) }),
      "note.gone": { type: "object", required: ["at"], properties: { at: { type: "string" } } },
    },
    actions: { publish: { run: ([name, payload, options], { events }) => events.publish(name, payload === "now" ? { at: new Date(0) } : payload, options) } }`);
  const load = () => Guest.load(publishes, { permissions: ["events"], host: () => null });

  test("goes out as its schema makes it, with key and durability", async () => {
    using guest = await load();
    await guest.call("action", "publish", ["note.created", { id: 1, more: 2 }]);
    await guest.call("action", "publish", ["note.gone", "now", { key: "n1" }]);
    await guest.call("action", "publish", ["note.other", [1], { durable: true }]);
    assert.deepEqual(
      guest.hostCalls.map(({ name, args }) => [name, args]),
      [
        ["events.publish", { name: "note.created", payload: { id: 1, tags: [] } }],
        ["events.publish", { name: "note.gone", payload: { at: "1970-01-01T00:00:00.000Z" }, key: "n1" }],
        ["events.publish", { name: "note.other", payload: [1], durable: true }],
      ],
    );
  });

  test("is refused with the path of each fault, and is not published", async () => {
    using guest = await load();
    await assert.rejects(
      guest.call("action", "publish", ["note.created", { id: 1, tags: ["a", 2] }]),
      refusesWith("INPUT_INVALID", /^event 'note\.created': the payload is not valid: \/tags\/1: /),
    );
    await assert.rejects(
      guest.call("action", "publish", ["note.gone", {}]),
      refusesWith("INPUT_INVALID", /^event 'note\.gone': the payload is not valid: .*at/),
    );
    assert.deepEqual(guest.hostCalls, []);
  });
});

suite("a description", () => {
  test("carries JSON Schemas wherever they can be had", async () => {
    const schema = { type: "object", properties: { n: { type: "number" } } };
    using guest = await Guest.load(
      define(`
        publishes: { "note.created": z.object({ id: z.number() }), "note.gone": v.string() },
        actions: {
          zod: { input: z.object({ n: z.number().default(1) }), output: z.array(z.string()), idempotent: true, callers: ["orders"], run: () => [] },
          schema: { input: ${JSON.stringify(schema)}, output: true, run() {} },
          valibot: { input: v.object({ n: v.number() }), run() {} },
          unspoken: { input: z.date(), run() {} },
        }`),
    );
    const { actions, publishes } = guest.description;
    assert.deepEqual(actions["schema"], { input: schema, output: true });
    assert.deepEqual(actions["valibot"], {});
    assert.deepEqual(actions["unspoken"], {});
    const { input, output, ...rest } = actions["zod"] ?? {};
    assert.deepEqual(rest, { callers: ["orders"], idempotent: true });
    const { properties, required = [] } = input as { properties: Json; required?: Json };
    assert.deepEqual([properties, required], [{ n: { default: 1, type: "number" } }, []]);
    assert.deepEqual((output as { items: Json }).items, { type: "string" });
    assert.match(JSON.stringify(publishes["note.created"]), /"required":\["id"\]/);
    assert.deepEqual(publishes["note.gone"], {});
  });

  const faults: Record<string, [body: string, message: RegExp]> = {
    "callers that are no list": [
      "actions: { a: { callers: 'orders', run() {} } }",
      /actions\.a\.callers: expected a list of plugin names, got a string/,
    ],
    "a caller that is no plugin's name": [
      "actions: { a: { callers: ['Orders'], run() {} } }",
      /actions\.a\.callers: .*'Orders'/,
    ],
    "an idempotent that is no truth": [
      "actions: { a: { idempotent: 'yes', run() {} } }",
      /actions\.a\.idempotent: expected true or false, got a string/,
    ],
    "an output that is no schema": [
      "actions: { a: { output: 'text', run() {} } }",
      /action 'a': 'output' is neither/,
    ],
    "a pattern under publishes": [
      "publishes: { 'note.*': {} }",
      /publishes\["note\.\*"\]: expected an event's name/,
    ],
    "a payload that is no schema": [
      "publishes: { 'note.created': 'text' }",
      /event 'note\.created': 'payload' is neither/,
    ],
    "an event without a schema": [
      "publishes: { 'note.created': undefined }",
      /publishes\["note\.created"\]: expected a schema, got nothing/,
    ],
  };
  for (const [what, [body, message]] of Object.entries(faults)) {
    test(`refuses ${what}`, async () => {
      await assert.rejects(Guest.load(define(body)), refusesWith("PLUGIN_DEFINITION", message));
    });
  }
});

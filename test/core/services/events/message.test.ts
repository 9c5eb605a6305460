// What goes from node to node: read back as it was, and nothing that is none.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeMessage,
  encodeMessage,
  type NodeMessage,
} from "../../../../src/core/services/events/message.ts";
import { partsOf, PartsReader } from "../../../../src/core/services/events/parts.ts";

test("events and beats are read back as they were written", () => {
  const messages: NodeMessage[] = [
    {
      kind: "event",
      node: "n",
      event: { name: "a.b", payload: { x: [1] }, source: "notes" },
      origin: { tenant: undefined, hops: undefined },
    },
    {
      kind: "event",
      node: "n",
      event: { name: "a", payload: null, source: "core", key: "k" },
      origin: { tenant: "acme", hops: 3 },
    },
    { kind: "beat", node: "n", beat: "1" },
  ];
  for (const message of messages) assert.deepEqual(decodeMessage(encodeMessage(message)), message);
});

test("what is no message is left alone", () => {
  const event = { name: "a.b", payload: null, source: "notes" };
  const texts: unknown[] = [
    null,
    7,
    [],
    {},
    { v: 2, node: "n", event },
    { v: 1, event },
    { v: 1, node: "n" },
    { v: 1, node: "n", event: { ...event, name: "a.*" } },
    { v: 1, node: "n", event: { ...event, source: 1 } },
    { v: 1, node: "n", event: { ...event, key: 1 } },
    { v: 1, node: "n", event, tenant: 1 },
    { v: 1, node: "n", event, hops: "1" },
  ];
  for (const text of texts) assert.equal(decodeMessage(JSON.stringify(text)), undefined);
  assert.equal(decodeMessage("{"), undefined);
});

test("a text is cut into parts below 8,000 bytes, never within a character, and put together again", () => {
  for (const text of [
    "x",
    "x".repeat(7900),
    "x".repeat(7901),
    "é漢😀".repeat(4000),
    ` 0 1 ${"x".repeat(9000)}`,
  ]) {
    const reader = new PartsReader();
    const parts = partsOf(text, "a.1");
    assert.ok(parts.every((part) => Buffer.byteLength(part) < 8000));
    const read = parts.map((part) => reader.read(part));
    assert.equal(read.at(-1), text);
    assert.ok(read.slice(0, -1).every((part) => part === undefined));
  }
});

test("parts that do not belong together give no text", () => {
  const [first = "", second = "", third = ""] = partsOf("x".repeat(20_000), "a.1");
  const reader = new PartsReader();
  for (const part of [second, first, third, first, "nonsense", second, third])
    assert.equal(reader.read(part), undefined);
  assert.equal(reader.read(partsOf("y", "b.1")[0] ?? ""), "y");
});

// Secrets are taken out of texts, however they are written there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formsOf, redactor } from "../../../src/core/base/redact.ts";

const value = 'p@ss/wörd+"1"';

test("a secret is replaced by its name in every form it is printed in", () => {
  const redact = redactor({ TOKEN: value });
  for (const form of formsOf(value)) assert.equal(redact.text(`a ${form} b`), "a [secret TOKEN] b");
  assert.equal(redact.text(`${value}${value}`), "[secret TOKEN][secret TOKEN]");
});

test("data is redacted in its depth, keys too, and stays data", () => {
  const redact = redactor({ TOKEN: value });
  assert.deepEqual(redact.data({ a: [value, 1, null, { [value]: true }] }), {
    a: ["[secret TOKEN]", 1, null, { "[secret TOKEN]": true }],
  });
});

test("of two secrets that contain each other the longer one is named", () => {
  const redact = redactor({ SHORT: "abcdef", LONG: "abcdefghi" });
  assert.equal(redact.text("abcdefghi abcdef"), "[secret LONG] [secret SHORT]");
});

test("short values and no values change nothing", () => {
  assert.equal(redactor({ PIN: "1234" }).text("in 1234 places"), "in 1234 places");
  assert.equal(redactor({}).text("nothing"), "nothing");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { assert as check, boolean, constantFrom, json as anyJson, property, string } from "fast-check";
import { maxJsonDepth, maxJsonParts } from "../../../src/core/sandbox/bounds.ts";
import { parseGuestJson } from "../../../src/core/sandbox/guest-json.ts";

const long = "x".repeat(10_000);

test("whatever JSON says comes out as JSON.parse gives it, but for __proto__, short and long", () => {
  check(
    property(anyJson(), boolean(), (json, pad) => {
      const text = pad ? `[${json},"${long}\\""]` : json;
      assert.equal(
        JSON.stringify(parseGuestJson(text)),
        JSON.stringify(JSON.parse(text, (key, value: unknown) => (key === "__proto__" ? undefined : value))),
      );
    }),
    { numRuns: 2000 },
  );
});

test("any text gives a value, a SyntaxError or QUOTA_EXCEEDED", () => {
  check(
    property(string({ unit: constantFrom(...'[]{},:"\\u0_proto1 \n') }), (text) => {
      try {
        parseGuestJson(text);
        parseGuestJson(`${long}${text}`);
      } catch (error) {
        assert.ok(error instanceof SyntaxError || (error as { code?: string }).code === "QUOTA_EXCEEDED");
      }
    }),
    { numRuns: 5000 },
  );
});

test("a value with too many parts or levels is refused in little time, wherever they stand", () => {
  const heavy = [
    `[${"[],".repeat(5_000_000)}0]`,
    `{"a\\"":"${"\\\\".repeat(5000)}","b":[${"0,".repeat(maxJsonParts + 1)}0]}`,
    `${"[".repeat(maxJsonDepth + 1)}${" ".repeat(10_000)}`,
    `{"\\u0041":[${'{"a":0},'.repeat(2_000_000)}0]}`,
  ];
  for (const text of heavy) {
    const before = process.threadCpuUsage();
    assert.throws(() => parseGuestJson(text), { code: "QUOTA_EXCEEDED" });
    const { user, system } = process.threadCpuUsage(before);
    assert.ok((user + system) / 1000 < 200);
  }
});

test("parts are not counted inside of texts", () => {
  const text = `["${"[,{".repeat(300_000)}"]`;
  assert.equal((parseGuestJson(text) as string[])[0]?.length, 900_000);
});

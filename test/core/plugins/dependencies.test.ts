import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkDependencies, cycleThrough } from "../../../src/core/plugins/dependencies.ts";
import type { Manifest } from "../../../src/core/plugins/manifest.ts";

const manifest = { name: "notes", dependencies: { mailer: "^1.2.0" } } as unknown as Manifest;

describe("checkDependencies", () => {
  const check = (known: { version: string; ready: boolean } | undefined) => () =>
    checkDependencies(manifest, () => known, ["mailler"]);

  test("accepts a ready dependency in range", () =>
    assert.doesNotThrow(check({ version: "1.3.0", ready: true })));

  test("names what is missing, with the nearest name", () =>
    assert.throws(check(undefined), {
      code: "PLUGIN_DEPENDENCY",
      message: "plugin 'notes' needs 'mailer' ^1.2.0, which is not installed",
      hint: "did you mean 'mailler'?",
    }));

  test("names the version that does not fit", () =>
    assert.throws(
      check({ version: "1.0.0", ready: true }),
      /needs 'mailer' \^1\.2\.0; version 1\.0\.0 is installed/,
    ));

  test("names the dependency that is not running", () =>
    assert.throws(check({ version: "1.2.0", ready: false }), /needs 'mailer', which is not running/));
});

describe("cycleThrough", () => {
  const graph: Record<string, string[]> = { a: ["b"], b: ["c"], c: ["a"], d: ["a"], e: [] };
  const needs = (name: string): string[] => graph[name] ?? [];

  test("names the way round", () => assert.deepEqual(cycleThrough("a", needs), ["a", "b", "c", "a"]));
  test("is undefined off the cycle, even for one that leads into it", () => {
    assert.equal(cycleThrough("d", needs), undefined);
    assert.equal(cycleThrough("e", needs), undefined);
  });
});

// Manifests nobody would write: each is read, or refused with every fault in place; none crashes the reader or holds it up.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { XcoreError } from "../../../src/core/base/error.ts";
import { readManifest } from "../../../src/core/plugins/read-manifest.ts";
import { makeProject } from "../config/project.ts";

const whole = `name: notes
version: 1.2.3
xcore: ^1.0.0
description: "Keeps notes"
entry: src/index.ts
migrations: sql
permissions:
  database: true
  fetch: [api.example.com, "*.example.org:8443"]
  call: [mailer.send, search.*]
  events: { publish: [note.*], subscribe: [user.created] }
  secrets: [NOTES_TOKEN]
limits: { memory: 64mb, cpu: 200ms, timeout: 5s, rate: 100/1s }
dependencies: { mailer: ^1.2.0 }
config: { type: object, properties: { title: { type: string, pattern: "^a+$" } } }
`;

const names =
  "name version xcore description entry migrations permissions limits dependencies config database fetch events publish memory type properties pattern __proto__ constructor toString".split(
    " ",
  );

/** The whole one with pieces of it cut out, doubled, or replaced by what YAML finds special. */
const damaged = fc
  .array(
    fc.record({
      at: fc.nat(whole.length),
      cut: fc.nat(30),
      put: fc.oneof(
        fc.constantFrom(
          "&a ",
          "*a",
          "!!js ",
          "<<: ",
          "? ",
          "- ",
          "\t",
          "\n",
          "{",
          "]",
          '"',
          "|\n",
          "---\n",
          "\u0000",
        ),
        fc.string({ unit: "binary", maxLength: 8 }),
      ),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((wounds) =>
    wounds.reduce((text, { at, cut, put }) => `${text.slice(0, at)}${put}${text.slice(at + cut)}`, whole),
  );

/** Right keys with values of any shape. */
const { tree } = fc.letrec((tie) => ({
  tree: fc.dictionary(fc.constantFrom(...names), tie("value"), { maxKeys: 8, noNullPrototype: true }),
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constantFrom("64mb", "1e400", "^1.0.0", "../..", "/etc", "(a+)+$", "note.**", "999999999999h"),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie("value"), { maxLength: 4 }),
    tie("tree"),
  ),
}));

test("ten thousand manifests of any shape are read or refused with a code, and none takes a second", async () => {
  await using project = await makeProject({ "src/index.ts": "export default {};" });
  const file = join(project.folder, "plugin.yaml");
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        damaged,
        tree.map((value) => JSON.stringify(value)),
      ),
      async (yaml) => {
        await writeFile(file, yaml);
        const before = process.cpuUsage();
        try {
          assert.match((await readManifest(project.folder)).name, /^[a-z\d-]+$/);
        } catch (error) {
          if (!(error instanceof XcoreError)) throw error;
          assert.equal(error.code, "MANIFEST_INVALID");
          assert.ok(Array.isArray(error.details["errors"]) && error.details["errors"].length > 0);
          refused += 1;
        }
        const { user, system } = process.cpuUsage(before);
        assert.ok(user + system < 1_000_000);
      },
    ),
    { numRuns: 10_000 },
  );
  assert.ok(refused > 5000, `${refused} were refused`);
});

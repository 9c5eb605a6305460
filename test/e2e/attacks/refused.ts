// What the attacks on the installer have in common: each is answered by its coded refusal, nothing of it has run, nothing was written
// outside, nothing is left behind.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import type { Code } from "../../../src/core/base/codes.ts";
import type { Caps } from "../../../src/core/plugins/installer/caps.ts";
import { harmless, openScene, packed, type Entry, type Scene } from "./scene.ts";

export interface Refused {
  code: Code;
  says?: RegExp;
  /** Smaller than usual, so that the test is. */
  caps?: Partial<Caps>;
  /** What is installed from; the refusal must come of that alone. */
  source(scene: Scene): string | Promise<string>;
}

export const text = (code: Code, source: string, says?: RegExp): Refused => ({
  code,
  ...(says === undefined ? {} : { says }),
  source: ({ mark }) => source.replaceAll("MARK", mark),
});
export const manifest = (yaml: string, says?: RegExp): Refused => ({
  code: "MANIFEST_INVALID",
  ...(says === undefined ? {} : { says }),
  source: ({ folder }) => folder("evil", { ...harmless(), "plugin.yaml": yaml }),
});
export const tree = (says: RegExp, ...entries: [string, string, string][]): Refused => ({
  code: "SOURCE_INVALID",
  says,
  source: ({ forged }) => forged(entries),
});
export const archive = (says: RegExp, ...entries: Entry[]): Refused => ({
  code: "SOURCE_INVALID",
  says,
  source: (scene) => scene.archive([...packed(), ...entries]),
});
export const packages = (
  code: Code,
  packageJson: object,
  says?: RegExp,
  more: Record<string, string> = {},
): Refused => ({
  code,
  ...(says === undefined ? {} : { says }),
  source: ({ repository }) =>
    repository("evil", { ...harmless(), "package.json": JSON.stringify(packageJson), ...more }),
});
export const code = (
  says: RegExp,
  source: string,
  more: Record<string, string> = {},
  from = "PLUGIN_COMPILE",
): Refused => ({
  code: from as Code,
  says,
  source: ({ repository, folder }) => {
    folder("outside", { "secret.js": "export default 'secret';" });
    return repository("evil", { ...harmless(), "src/index.ts": source, ...more });
  },
});

/** The package-lock.json with these packages. */
export const lockOf = (entries: object): Record<string, string> => ({
  "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: { "": {}, ...entries } }),
});

/** One test for each attack, by kind. */
export function refuses(all: Record<string, Record<string, Refused>>): void {
  for (const [kind, attacks] of Object.entries(all)) {
    describe(`${kind} is refused`, () => {
      for (const [what, { code, says, caps, source }] of Object.entries(attacks)) {
        test(JSON.stringify(what).slice(1, -1), async () => {
          await using scene = await openScene();
          const from = await source(scene);
          const before = scene.witness();
          await assert.rejects(
            scene.add(from, caps === undefined ? {} : { caps }),
            (error: { code?: string; message: string }) => {
              assert.equal(error.code, code, error.message);
              if (says !== undefined) assert.match(error.message, says);
              return true;
            },
          );
          assert.deepEqual(scene.witness(), before);
          assert.ok(!existsSync(scene.mark));
        });
      }
    });
  }
}

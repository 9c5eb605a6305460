// plugin-env.d.ts: the text, and that the sample plugins' own is up to date.
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pluginTypes } from "../../../src/core/plugins/plugin-types.ts";
import { readManifest } from "../../../src/core/plugins/read-manifest.ts";
import type { Manifest } from "../../../src/core/plugins/manifest.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

const manifest: Manifest = {
  name: "test",
  version: "1.0.0",
  xcore: "*",
  entry: "src/index.ts",
  description: "",
  permissions: {
    database: false,
    cache: true,
    jobs: false,
    fetch: [],
    call: ["a.*", "b.c"],
    events: { publish: ["*", "x.y"], subscribe: ["odd`${x}\\*"] },
    secrets: ["A", 'B"'],
    services: ["mail", "storage"],
  },
  limits: {},
  dependencies: {},
  config: undefined,
  migrations: "migrations",
};

suite("plugin types", () => {
  test("say what is declared, whatever characters it holds", () => {
    assert.equal(
      pluginTypes(manifest),
      [
        "// Written by xcore from plugin.yaml: what this plugin may use. Changes here are overwritten.",
        'import "xcore/plugin";',
        "",
        'declare module "xcore/plugin" {',
        "  interface Declared {",
        '    permissions: "cache" | "call" | "events" | "secrets" | "services";',
        '    call: `a.${string}` | "b.c";',
        "    publish: string;",
        "    subscribe: `odd\\`\\${x}\\\\${string}`;",
        '    secrets: "A" | "B\\"";',
        '    services: "mail" | "storage";',
        "  }",
        "}",
        "",
      ].join("\n"),
    );
  });

  test("of a plugin that declares nothing are empty", () => {
    const { permissions } = manifest;
    const none = {
      ...permissions,
      cache: false,
      call: [],
      events: { publish: [], subscribe: [] },
      secrets: [],
      services: [],
    };
    assert.match(pluginTypes({ ...manifest, permissions: none }), /\{\n {2}interface Declared \{\}\n\}\n$/);
  });

  test("keep the keywords of the options' schema that make a type, and quote odd names", () => {
    const config = {
      type: "object",
      description: "dropped",
      required: ["a-b"],
      properties: {
        "a-b": { type: "integer", minimum: 3, default: { deep: [1] } },
        list: { items: true, anyOf: [{ const: { k: null } }, { enum: [1, "x"] }] },
      },
    };
    const text = pluginTypes({ ...manifest, config });
    assert.match(text, /required: readonly \["a-b"\];/);
    assert.match(text, /"a-b": \{\n\s+type: "integer";\n\s+default: unknown;\n\s+\};/);
    assert.match(text, /list: \{\n\s+items: true;\n\s+anyOf: readonly \[\{/);
    assert.match(text, /const: \{ "k": null \};/);
    assert.match(text, /enum: readonly \[1, "x"\];/);
    assert.doesNotMatch(text, /dropped|minimum/);
  });

  test("of the sample plugins and the template are up to date", async () => {
    const files = globSync("{plugins/*,templates/plugin}/plugin.yaml", { cwd: root });
    assert.ok(files.length > 0);
    for (const file of files) {
      const folder = join(root, dirname(file));
      const kept = await readFile(join(folder, "plugin-env.d.ts"), "utf8");
      assert.equal(kept, pluginTypes(await readManifest(folder)), folder);
    }
  });
});

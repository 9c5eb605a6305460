import assert from "node:assert/strict";
import { test } from "node:test";
import { Inspections } from "../../../src/core/admin/inspections.ts";
import { XcoreError } from "../../../src/core/base/error.ts";
import type { PluginRegistry } from "../../../src/core/plugins/registry.ts";
import { keptLog, until } from "../../support/workspace.ts";

/** As much of a registry with one plugin as inspections ask for. */
function registryOf(plugin: { trusted?: boolean; fails?: boolean }): {
  plugins: PluginRegistry;
  asked: boolean[];
} {
  const asked: boolean[] = [];
  const notes = {
    name: "notes",
    current: { build: { label: "notes@1.0.0", trusted: plugin.trusted ?? false } },
    inspect: async (inspected: boolean) => {
      if (plugin.fails === true) throw new XcoreError("PLUGIN_COMPILE", "it does not compile");
      asked.push(inspected);
    },
  };
  return { plugins: { get: () => notes } as unknown as PluginRegistry, asked };
}

test("an inspection ends by itself when nobody asks for it again, and another one has another address", async () => {
  const { plugins, asked } = registryOf({});
  const logger = keptLog();
  await using inspections = new Inspections({ plugins, logger, leaseMs: 50 });
  const address = await inspections.open("notes");
  await until(
    () => asked.length,
    (count) => count === 2,
  );
  assert.deepEqual(asked, [true, false]);
  await assert.rejects(fetch(address.list));
  const again = await inspections.open("notes");
  assert.notEqual(again.webSocket, address.webSocket);
  assert.match(logger.lines[0]?.message ?? "", /limits of CPU and time are suspended/);
});

test("a plugin that can't be loaded, and a trusted one, are refused with their reason and may be asked for again", async () => {
  const failing = registryOf({ fails: true });
  await using inspections = new Inspections({ plugins: failing.plugins, logger: keptLog() });
  await assert.rejects(inspections.open("notes"), { code: "PLUGIN_COMPILE" });
  await assert.rejects(inspections.open("notes"), { code: "PLUGIN_COMPILE" });
  await inspections.close("notes");
  const trusted = registryOf({ trusted: true });
  await using others = new Inspections({ plugins: trusted.plugins, logger: keptLog() });
  await assert.rejects(others.open("notes"), { code: "FORBIDDEN", hint: /node --inspect/ });
});

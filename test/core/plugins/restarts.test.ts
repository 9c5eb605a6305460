// What is done about an end that the machine itself brought about.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { XcoreError } from "../../../src/core/base/error.ts";
import { openDespiteStarvation } from "../../../src/core/plugins/restarts.ts";

const starved = new XcoreError("PLUGIN_CRASHED", "plugin 'x' was stopped", { details: { starved: true } });
const crashed = new XcoreError("PLUGIN_CRASHED", "plugin 'x' is broken");

/** Fails in turn with each of these, then succeeds; how often it was tried. */
function failing(...faults: Error[]): { open: () => Promise<string>; tried: () => number } {
  let tried = 0;
  return {
    open: async () => {
      const fault = faults[(tried += 1) - 1];
      if (fault !== undefined) throw fault;
      return "open";
    },
    tried: () => tried,
  };
}

describe("an opening that the machine did not let finish", () => {
  test("is made once more", async () => {
    const { open, tried } = failing(starved);
    assert.equal(await openDespiteStarvation(open), "open");
    assert.equal(tried(), 2);
  });

  test("is believed once: a plugin that spins says the same", async () => {
    const { open, tried } = failing(starved, starved);
    await assert.rejects(openDespiteStarvation(open), starved);
    assert.equal(tried(), 2);
  });

  test("is told from one that is the plugin's own doing", async () => {
    const { open, tried } = failing(crashed);
    await assert.rejects(openDespiteStarvation(open), crashed);
    assert.equal(tried(), 1);
  });
});

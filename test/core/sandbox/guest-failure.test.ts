// How the error of a guest reads once it is the error of a call.
import assert from "node:assert/strict";
import { test } from "node:test";
import { guestFailure } from "../../../src/core/sandbox/guest-failure.ts";
import type { StackMapper } from "../../../src/core/sandbox/stack.ts";

const read = (message: string): string =>
  guestFailure(
    { name: "Error", message },
    { label: "notes@1.0.0", mapper: {} as StackMapper, fallback: "PLUGIN_ERROR" },
  ).message;

test("a plugin is named once, with its version, whoever named it first", () => {
  assert.equal(read("no row"), "plugin 'notes@1.0.0': no row");
  assert.equal(read("plugin 'notes': no row"), "plugin 'notes@1.0.0': no row");
  assert.equal(read("plugin 'notes@1.0.0': no row"), "plugin 'notes@1.0.0': no row");
  assert.equal(read("plugin 'mailer': no row"), "plugin 'notes@1.0.0': plugin 'mailer': no row");
});

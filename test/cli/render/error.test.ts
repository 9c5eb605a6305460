// Errors as text: what, why, and the cure.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { renderError } from "../../../src/cli/render/error.ts";
import { XcoreError, asXcoreError } from "../../../src/core/base/error.ts";

function text(error: XcoreError): string {
  return stripVTControlCharacters(renderError(error));
}

describe("an error on the terminal", () => {
  it("tells the fault, its code and the cure", () => {
    const error = new XcoreError("PORT_TAKEN", "port 8082 is taken", { hint: "Choose another with --port." });
    assert.equal(
      text(error),
      "Error: port 8082 is taken (PORT_TAKEN)\n\nTry this:\n  Choose another with --port.\n",
    );
  });

  it("leaves a code frame as it is", () => {
    const frame = 'plugins/notes/src/index.ts:3:7: Expected ";"\n  3 │ const a b;\n    ╵         ^';
    assert.equal(
      text(new XcoreError("PLUGIN_COMPILE", frame)),
      'Error: plugins/notes/src/index.ts:3:7: Expected ";" (PLUGIN_COMPILE)\n  3 │ const a b;\n    ╵         ^\n',
    );
  });

  it("tells each cause once", () => {
    const cause = new Error("connection refused", { cause: new Error("ECONNREFUSED ::1") });
    const shown = text(new XcoreError("SERVICE_UNAVAILABLE", "the database is not there", { cause }));
    assert.match(shown, /Because: connection refused\nBecause: ECONNREFUSED ::1\n/);
    const told = new XcoreError("SERVICE_UNAVAILABLE", "no database: connection refused", { cause });
    assert.equal(text(told).match(/connection refused/g)?.length, 1);
  });

  it("shows the stack of a fault of xcore itself and nobody else's", () => {
    assert.match(
      text(asXcoreError(new TypeError("x is undefined"))),
      /fault of xcore itself[^]*at .*error\.test\.ts/,
    );
    assert.doesNotMatch(text(new XcoreError("PLUGIN_ERROR", "boom")), /\bat .*error\.test\.ts/);
  });

  it("does not let a message steer the terminal", () => {
    const error = new XcoreError("PLUGIN_ERROR", "\u001B]0;owned\u0007\u001B[2Jboom\r\u0008", {
      hint: "\u001B[31mred",
    });
    const shown = renderError(error);
    for (const sequence of ["\u001B]0;", "\u001B[2J", "\u0007", "\r", "\u0008", "\u001B[31mred"]) {
      assert.ok(!shown.includes(sequence));
    }
  });
});

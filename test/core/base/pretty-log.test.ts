import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { prettyLine } from "../../../src/core/base/pretty-log.ts";

const plain = { colour: false };

describe("a pretty log line", () => {
  it("tells a request with its plugin and how long it took", () => {
    const line = {
      msg: "request",
      id: "a-1",
      plugin: "notes",
      method: "GET",
      url: "/app/notes/",
      status: 200,
      ms: 3.34,
    };
    assert.equal(prettyLine(line, plain), "GET /app/notes/ 200 in 3.34 ms by notes  id=a-1");
  });

  it("puts fields behind the message", () => {
    const line = { level: "info", time: "now", msg: "plugin ready", plugin: "notes", revision: 2 };
    assert.equal(prettyLine(line, plain), "plugin ready  plugin=notes revision=2");
  });

  it("frames the further lines of a fault, and its hint", () => {
    const line = {
      msg: "notes does not compile:\n  index.ts:1:2: no\n    1 | x",
      code: "PLUGIN_COMPILE",
      hint: "Mend it.",
    };
    assert.equal(
      prettyLine(line, plain),
      "notes does not compile:  code=PLUGIN_COMPILE\n  │   index.ts:1:2: no\n  │     1 | x\n  │ Mend it.",
    );
  });

  it("keeps control characters of a plugin out of the terminal", () => {
    const line = { msg: "\u001b[2Jgone", guest: { text: "\u001b]0;x\u0007" }, plugin: "a\rb" };
    const text = prettyLine(line, plain);
    assert.ok(!/\p{Cc}/u.test(text), text);
    assert.match(text, /\\u001b\[2Jgone/);
  });
});

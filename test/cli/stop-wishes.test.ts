// Who may ask a server to stop, and what the first and the second wish mean.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StopWishes, exitCodeOf } from "../../src/cli/stop-wishes.ts";

describe("wishes to stop", () => {
  it("tell the first from the second", async () => {
    using wishes = new StopWishes();
    wishes.add("request");
    wishes.add("SIGTERM");
    assert.equal(await wishes.first, "request");
    assert.equal(await wishes.second, "SIGTERM");
  });

  it("may be signals, until they are disposed", async () => {
    const before = process.listenerCount("SIGHUP");
    {
      using wishes = new StopWishes();
      process.emit("SIGHUP");
      assert.equal(await wishes.first, "SIGHUP");
    }
    assert.equal(process.listenerCount("SIGHUP"), before);
  });

  it("end in 130 for who interrupts and in 0 for who asks", () => {
    assert.deepEqual((["SIGINT", "SIGTERM", "SIGHUP", "request"] as const).map(exitCodeOf), [130, 0, 0, 0]);
  });
});

// A real server in use while nothing comes back from its Redis.
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openFaultedServer, type FaultedServer } from "../../support/faulted-server.ts";
import { assertSurvived } from "../../support/survived.ts";

describe("a Redis that does not answer", () => {
  let place: FaultedServer;
  before(async () => {
    place = await openFaultedServer();
  });
  after(() => place[Symbol.asyncDispose]());

  test("is left alone until bytes flow again", async (t) => {
    const seen = await place.suffer(t, "Redis blackholed", async () => {
      await place.cacheLine.set({ kind: "blackhole" });
      await pause(1500);
      await place.unready();
      await place.cacheLine.set({ kind: "pass" });
    });
    assertSurvived(seen, { cache: true });
  });

  test("connections whose other end has gone without a word are given up and made anew", async (t) => {
    const seen = await place.suffer(t, "Redis' connections half-open", async () => {
      place.cacheLine.forget();
      await pause(1000);
    });
    // Whoever meets one first makes it anew: that need not be the one who looks for /readyz.
    assertSurvived(seen, { cache: true, unready: false });
  });
});

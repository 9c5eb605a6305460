// A real server in use while nothing comes back from its Postgres.
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openFaultedServer, type FaultedServer } from "../../support/faulted-server.ts";
import { assertSurvived } from "../../support/survived.ts";

describe("a Postgres that does not answer", () => {
  let place: FaultedServer;
  before(async () => {
    place = await openFaultedServer();
  });
  after(() => place[Symbol.asyncDispose]());

  test("five seconds without a byte are over when the bytes flow again", async (t) => {
    const seen = await place.suffer(t, "Postgres blackholed for 5 s", async () => {
      await place.databaseLine.set({ kind: "blackhole" });
      await pause(5000);
      await place.unready();
      await place.databaseLine.set({ kind: "pass" });
    });
    assertSurvived(seen);
  });

  test("connections whose other end has gone without a word are given up and made anew", async (t) => {
    const seen = await place.suffer(t, "Postgres' connections half-open", async () => {
      place.databaseLine.forget();
      await pause(1500);
    });
    // Whoever meets one first makes it anew: that need not be the one who looks for /readyz.
    assertSurvived(seen, { unready: false });
  });
});

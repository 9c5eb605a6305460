// A real server in use while the wall clock of its process jumps and stands still (its `Date`, that is; timers follow the
// monotonic clock, as they do on a real machine; sandbox hosts and Postgres keep the right time).
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openFaultedServer, type FaultedServer } from "../../support/faulted-server.ts";
import { assertSurvived } from "../../support/survived.ts";

const hour = 3_600_000;

describe("a clock that jumps", () => {
  let place: FaultedServer;
  before(async () => {
    place = await openFaultedServer();
  });
  after(() => place[Symbol.asyncDispose]());

  for (const [name, ms] of [
    ["an hour ahead", hour],
    ["an hour back", -hour],
  ] as const) {
    test(`${name}, and back: requests, the cache and jobs go on`, async (t) => {
      const seen = await place.suffer(t, `the clock jumps ${name}`, async () => {
        t.mock.timers.enable({ apis: ["Date"], now: Date.now() + ms });
        await pause(1500);
        t.mock.timers.reset();
      });
      assertSurvived(seen, { unready: false });
    });
  }
});

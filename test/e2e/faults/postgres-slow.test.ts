// A real server in use while the way to its Postgres is slow, thin, and breaks in the middle of answers.
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openFaultedServer, type FaultedServer } from "../../support/faulted-server.ts";
import { assertSurvived } from "../../support/survived.ts";

describe("a bad line to Postgres", () => {
  let place: FaultedServer;
  before(async () => {
    place = await openFaultedServer();
  });
  after(() => place[Symbol.asyncDispose]());

  test("a slow one is slow, and nothing else", async (t) => {
    const seen = await place.suffer(t, "Postgres slow by 300 ms a round trip", async () => {
      await place.databaseLine.set({ kind: "latency", ms: 150 });
      await pause(1500);
      await place.databaseLine.set({ kind: "pass" });
    });
    assertSurvived(seen, { unready: false });
  });

  test("one that breaks in the middle of answers costs the requests that were on it", async (t) => {
    const seen = await place.suffer(t, "Postgres' connections cut after 2,000 bytes", async () => {
      for (let times = 0; times < 4; times += 1) {
        await place.databaseLine.set({ kind: "cut", afterBytes: 2000 });
        await pause(500);
      }
      await place.databaseLine.set({ kind: "pass" });
    });
    assertSurvived(seen, { unready: false });
  });
});

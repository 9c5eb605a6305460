// A real server in use while its Postgres is restarted, killed and away.
import { after, before, describe, test } from "node:test";
import { openFaultedServer, type FaultedServer } from "../../support/faulted-server.ts";
import { assertSurvived } from "../../support/survived.ts";

describe("a Postgres that dies", () => {
  let place: FaultedServer;
  before(async () => {
    place = await openFaultedServer();
  });
  after(() => place[Symbol.asyncDispose]());

  test("a restart loses nothing that was acknowledged, and the server goes on by itself", async (t) => {
    const seen = await place.suffer(t, "Postgres restarted", async () => {
      await place.postgres.stop("SIGINT");
      await place.unready();
      await place.postgres.start();
    });
    assertSurvived(seen);
  });

  test("a postmaster that is killed with -9 neither", async (t) => {
    const seen = await place.suffer(t, "postmaster killed with -9", async () => {
      await place.postgres.stop("SIGKILL");
      await place.unready();
      await place.postgres.start();
    });
    assertSurvived(seen);
  });
});

// A real server in use while one of its plugins takes whatever of the services it can get.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "pg";
import { openFaultedServer, type FaultedServer } from "../../support/faulted-server.ts";
import { assertSurvived } from "../../support/survived.ts";
import { pluginFiles, until } from "../../support/workspace.ts";

const holder = pluginFiles(
  "holder",
  `let begun = 0;
export default definePlugin({
  routes: {
    "GET /begun": () => ({ begun }),
    "POST /hold": async (request, { db }) => db.transaction(async (tx) => {
      await tx.sql\`select 1\`;
      begun += 1;
      await new Promise(() => {});
    }),
  },
});`,
  "limits: { timeout: 3s }\npermissions: { database: true }\n",
);
const greedy = pluginFiles(
  "greedy",
  `export default definePlugin({
  jobs: { nothing: { run: async () => null } },
  routes: {
    "POST /hundred": async (request, { db }) => {
      const all = await Promise.allSettled(Array.from({ length: 100 }, () => db.transaction(async (tx) => {
        await tx.sql\`select pg_sleep(1)\`;
      })));
      const codes = {};
      for (const { status, reason } of all) {
        const name = status === "fulfilled" ? "fine" : reason.code;
        codes[name] = (codes[name] ?? 0) + 1;
      }
      return codes;
    },
    "POST /flood": async (request, { jobs }) => {
      let taken = 0;
      for (let round = 0; round < 40; round += 1) {
        const all = await Promise.allSettled(Array.from({ length: 100 }, () => jobs.enqueue("nothing", "x".repeat(1000), { delayMs: 3600000 })));
        taken += all.filter(({ status }) => status === "fulfilled").length;
        const refused = all.find(({ status }) => status === "rejected");
        if (refused) return { taken, code: refused.reason.code };
      }
      return { taken };
    },
  },
});`,
  "limits: { timeout: 30s }\npermissions: { database: true, jobs: true }\n",
);

describe("a plugin that takes what it can get", () => {
  let place: FaultedServer;
  before(async () => {
    place = await openFaultedServer({ files: { ...holder, ...greedy }, jobs: "maxWaiting: 1000" });
  });
  after(() => place[Symbol.asyncDispose]());

  const post = async (path: string): Promise<string> => {
    const answer = await place.server.get(`/app${path}`, { method: "POST" });
    return `${answer.status} ${await answer.text()}`;
  };

  test("a transaction that is held open ends with its request, and its connection is given back", async (t) => {
    let held = "";
    const seen = await place.suffer(t, "a plugin holds a transaction open", async () => {
      const holding = post("/holder/hold");
      await until(
        async () => ((await (await place.server.get("/app/holder/begun")).json()) as { begun: number }).begun,
        (begun) => begun === 1,
      );
      held = await holding;
    });
    assert.match(held, /^504 /);
    assertSurvived(seen, { unready: false });
    await until(
      () => sessions(place, "holder", "state like 'idle in transaction%' or state = 'active'"),
      (open) => open === 0,
    );
  });

  test("of a hundred transactions it gets as many as it may have, and nobody else waits for it", async (t) => {
    let answer = "";
    const seen = await place.suffer(t, "a plugin opens a hundred transactions", async () => {
      answer = await post("/greedy/hundred");
    });
    assert.equal(answer, '200 {"fine":3,"QUOTA_EXCEEDED":97}');
    assertSurvived(seen, { unready: false });
    assert.ok((await sessions(place, "greedy", "true")) <= 4);
  });

  test("a flooded queue is full for the one who floods it, and for nobody else", async (t) => {
    let answer = "";
    const seen = await place.suffer(t, "a plugin floods the queue", async () => {
      answer = await post("/greedy/flood");
      await pause(200);
    });
    assert.match(answer, /^200 \{"taken":\d+,"code":"QUOTA_EXCEEDED"\}$/);
    const { taken } = JSON.parse(answer.slice(4)) as { taken: number };
    assert.ok(taken >= 1000 && taken < 1200, `${taken} jobs taken`);
    assertSurvived(seen, { unready: false });
  });
});

async function sessions(place: FaultedServer, plugin: string, condition: string): Promise<number> {
  const client = new Client({ connectionString: place.postgres.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ open: number }>(
      `select count(*)::int as open from pg_stat_activity where usename = $1 and (${condition})`,
      [`plugin_${plugin}`],
    );
    return rows[0]?.open ?? 0;
  } finally {
    await client.end();
  }
}

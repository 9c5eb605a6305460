// Two servers of one cluster: each hears a live event once, a durable one is handled once by either.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startSystemPostgres, type SystemPostgres } from "../support/system-postgres.ts";
import { testRedis, type TestRedis } from "../support/services.ts";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  until,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

const plugin = `export default definePlugin({
  routes: {
    "POST /:id": (request, { events, params, query }: any) =>
      events.publish("order.placed", { id: Number(params.id) }, query.durable === "1" ? { durable: true } : { key: "one" }),
  },
  events: { "order.placed": (event, { log }) => log.info("heard", { id: (event.payload as any).id }) },
});`;

let postgres: SystemPostgres;
let redis: TestRedis;
before(async () => {
  [postgres, redis] = await Promise.all([startSystemPostgres(), testRedis()]);
});
after(async () => {
  await Promise.all([postgres?.[Symbol.asyncDispose](), redis?.[Symbol.asyncDispose]()]);
});

for (const driver of ["postgres", "redis"] as const) {
  describe(`two servers with events by ${driver}`, () => {
    const workspaces: TestWorkspace[] = [];
    const nodes: TestCore[] = [];

    const open = async (): Promise<TestCore> => {
      const events = driver === "redis" ? `\n  events: { driver: redis, url: "${redis.url}" }` : "";
      const workspace = await testWorkspace({
        "integration.yaml": `name: test
server: { port: 0, drain: 2s }
admin: { token: test-token-test-token-test-token }
services:
  database: { driver: postgres, url: "${postgres.url}" }${events}
`,
        ...pluginFiles(
          "shop",
          plugin,
          "permissions: { events: { publish: [order.placed], subscribe: [order.placed] } }\n",
        ),
      });
      workspaces.push(workspace);
      const node = await openTestCore(workspace);
      nodes.push(node);
      return node;
    };
    const heard = (): number[][] =>
      nodes.map(({ log }) =>
        log
          .filter(({ message }) => message === "heard")
          .map(({ fields }) => (fields["guest"] as { id: number }).id),
      );
    const publish = async (at: number, path: string): Promise<void> => {
      const answer = await nodes[at]?.get(`/app/shop/${path}`, { method: "POST" });
      assert.equal(answer?.status, 204);
    };

    before(async () => {
      await open();
      await open();
    });
    after(async () => {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
      await Promise.all(workspaces.map((workspace) => workspace[Symbol.asyncDispose]()));
    });

    test("each node's handlers get a live event exactly once, in order", async () => {
      for (let id = 1; id <= 20; id += 1) await publish(0, String(id));
      const expected = Array.from({ length: 20 }, (_, at) => at + 1);
      await until(heard, (all) => all.every((one) => one.length === 20));
      assert.deepEqual(heard(), [expected, expected]);
    });

    test("a durable event is handled once in the cluster", async () => {
      for (let id = 101; id <= 110; id += 1) await publish(id % 2, `${id}?durable=1`);
      await publish(1, "200");
      const durable = (): number[] =>
        heard()
          .flat()
          .filter((id) => id > 100 && id < 200)
          .sort((a, b) => a - b);
      await until(durable, (ids) => ids.length >= 10);
      await until(heard, (all) => all.every((one) => one.includes(200)));
      assert.deepEqual(
        durable(),
        Array.from({ length: 10 }, (_, at) => at + 101),
      );
    });

    test("health says who carries", async () => {
      const services = (await (await nodes[0]?.admin("/services"))?.json()) as {
        name: string;
        driver: string;
        detail: string;
      }[];
      const events = services.find(({ name }) => name === "events");
      assert.equal(events?.driver, driver);
      assert.match(events?.detail ?? "", new RegExp(`between nodes by ${driver}`, "i"));
    });
  });
}

// What every events provider that reaches other nodes must do, whatever carries the events.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { EventDelivery } from "../../src/wire/guest-calls.ts";
import { XcoreError } from "../../src/core/base/error.ts";
import type { CallTenant } from "../../src/core/base/tenant.ts";
import type { EventsService, PublishedEvent } from "../../src/core/services/events/events.ts";
import type { FaultProxy } from "../support/fault-proxy.ts";
import { testTenant, until } from "../support/services.ts";
import { undisturbed } from "../support/steady.ts";

export interface Cluster extends AsyncDisposable {
  /** A node of this cluster, whose way to the others can be cut at `proxy`. */
  open(): Promise<EventsService>;
  proxy: FaultProxy;
}

export function eventsBetweenNodes(name: string, openCluster: () => Promise<Cluster>): void {
  describe(`events between nodes: ${name}`, () => {
    let cluster: Cluster;
    let one: EventsService;
    let two: EventsService;
    before(async () => {
      cluster = await openCluster();
      [one, two] = await Promise.all([cluster.open(), cluster.open()]);
    });
    after(async () => {
      await Promise.all([one, two].map((node) => node?.[Symbol.asyncDispose]()));
      await cluster?.[Symbol.asyncDispose]();
    });

    const collect = (node: EventsService, pattern: string): { seen: EventDelivery[]; undo: () => void } => {
      const seen: EventDelivery[] = [];
      const undo = node.subscribe("reader", [pattern], async (event) => void seen.push(event));
      return { seen, undo };
    };
    const event = (title: string, more: Partial<PublishedEvent> = {}): PublishedEvent => ({
      source: "notes",
      name: title,
      payload: null,
      ...more,
    });

    /** Publishes it, again when it does not arrive for a while, until it is heard there. */
    const untilHeard = async (there: { seen: EventDelivery[] }, title: string): Promise<void> => {
      let asked = 0;
      await until(async () => {
        if (asked % 200 === 0) await one.publish(event(title));
        asked += 1;
        return there.seen.some(({ name: heard }) => heard === title);
      });
    };

    let plays = 0;
    /** A scene between nodes that reach each other; what is lost with a way that a standstill has cut says nothing. */
    const onTheirWay = (scene: (topic: string) => Promise<void>): Promise<void> =>
      undisturbed(
        async () => {
          await until(async () => (await one.check(5000)).ok && (await two.check(5000)).ok);
          await scene(`play${(plays += 1)}`);
        },
        { stallMs: 200 },
      );

    test("each node's handlers get an event exactly once, with payload and source, in order", async () => {
      await onTheirWay(async (topic) => {
        const [here, there] = [collect(one, `${topic}.*`), collect(two, `${topic}.*`)];
        const published = Array.from({ length: 200 }, (_, at) =>
          event(`${topic}.s${at}`, { payload: { at } }),
        );
        for (const each of published) await one.publish(each);
        await two.publish(event(`${topic}.last`));
        await until(() => here.seen.length >= 201 && there.seen.length >= 201, 15_000);
        const fromOne = (seen: readonly EventDelivery[]): readonly EventDelivery[] =>
          seen.filter((each) => each.name !== `${topic}.last`);
        assert.deepEqual(fromOne(here.seen), published);
        assert.deepEqual(fromOne(there.seen), published);
        assert.equal(here.seen.length + there.seen.length, 402);
        here.undo();
        there.undo();
      });
    });

    test("a burst arrives whole; what is more than may be on its way is dropped for others alone, and counted", async () => {
      await onTheirWay(async (topic) => {
        let [here, there] = [0, 0];
        const undo = [
          one.subscribe("reader", [`${topic}.*`], async () => void (here += 1)),
          two.subscribe("reader", [`${topic}.*`], async () => void (there += 1)),
        ];
        for (let count = 0; count < 900; count += 1) await one.publish(event(`${topic}.s${count}`));
        await until(() => here === 900 && there === 900, 15_000);
        const payload = "x".repeat(60_000);
        for (let count = 0; count < 500; count += 1) void one.publish(event(`${topic}.large`, { payload }));
        await until(() => here === 1400);
        await until(async () => (await one.check(60_000)).ok);
        assert.match((await one.check(60_000)).detail, /, \d+ did not reach other nodes/);
        assert.ok(there < 1400);
        for (const each of undo) each();
      });
    });

    test("a payload as large as it may be arrives whole, whatever its characters", async () => {
      await onTheirWay(async (topic) => {
        const there = collect(two, `${topic}.*`);
        const payload = { text: 'aé漢😀\u0000\n"'.repeat(5000) };
        await one.publish(event(`${topic}.text`, { payload }));
        await one.publish(event(`${topic}.empty`, { payload: "" }));
        await until(() => there.seen.length === 2, 15_000);
        assert.deepEqual(there.seen[0]?.payload, payload);
        assert.equal(there.seen[1]?.payload, "");
        there.undo();
      });
    });

    test("the tenant goes with it; where it is not known nothing is delivered", async () => {
      const seen: (string | undefined)[] = [];
      two.attach({
        keep: () => assert.fail("nothing durable is published"),
        tenant: (id): CallTenant => {
          if (id === "acme") return testTenant(id);
          throw new XcoreError("TENANT_UNKNOWN", "there is no such tenant");
        },
      });
      await onTheirWay(async (topic) => {
        seen.length = 0;
        const undo = two.subscribe(
          "reader",
          [`${topic}.*`],
          async (_, { tenant }) => void seen.push(tenant?.id),
        );
        await one.publish(event(`${topic}.a`), { tenant: testTenant("other") });
        await one.publish(event(`${topic}.b`), { tenant: testTenant("acme") });
        await one.publish(event(`${topic}.c`));
        await until(() => seen.length === 2, 15_000);
        assert.deepEqual(seen, ["acme", undefined]);
        undo();
      });
    });

    test("health is a round trip, and says who carries", async () => {
      await until(async () => (await one.check(5000)).ok);
      const { detail } = await one.check(60_000);
      assert.match(detail, new RegExp(`between nodes by ${name}`, "i"));
    });

    test("a connection whose other end has gone without a word is noticed and made anew", async () => {
      const there = collect(two, "h.*");
      cluster.proxy.forget();
      await until(async () => !(await one.check(200)).ok);
      await until(async () => (await one.check(5000)).ok && (await two.check(5000)).ok, 60_000);
      // One that is lost with a way that is cut again says nothing.
      await untilHeard(there, "h.back");
      there.undo();
    });

    for (const fault of ["refuse", "blackhole"] as const) {
      test(`a way that is lost (${fault}) is said, harms nobody here, and is found again`, async () => {
        const [here, there] = [collect(one, "f.*"), collect(two, "f.*")];
        await cluster.proxy.set({ kind: fault });
        await until(async () => !(await one.check(200)).ok);
        await one.publish(event("f.away"));
        await until(() => here.seen.length === 1);
        assert.match((await one.check(200)).detail, /events stay on this node/);
        await cluster.proxy.set({ kind: "pass" });
        await until(async () => (await one.check(5000)).ok && (await two.check(5000)).ok, 60_000);
        await untilHeard(there, "f.back");
        here.undo();
        there.undo();
      });
    }
  });
}

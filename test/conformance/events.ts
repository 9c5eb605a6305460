// What every events provider must do, whatever is behind it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { EventDelivery } from "../../src/wire/guest-calls.ts";
import type { EventsService, PublishedEvent } from "../../src/core/services/events/events.ts";
import { hostCall, identity, until } from "../support/services.ts";

export function eventsConformance(
  name: string,
  open: (options?: Record<string, unknown>) => Promise<EventsService>,
): void {
  describe(`events: ${name}`, () => {
    let events: EventsService;
    before(async () => {
      events = await open();
    });
    after(() => events[Symbol.asyncDispose]());

    const collect = (patterns: readonly string[]): { seen: EventDelivery[]; undo: () => void } => {
      const seen: EventDelivery[] = [];
      const undo = events.subscribe("reader", patterns, async (event) => void seen.push(event));
      return { seen, undo };
    };
    const names = (seen: readonly EventDelivery[]): string[] => seen.map((event) => event.name);

    test("a subscriber gets what its names and patterns cover, with payload and source", async () => {
      const exact = collect(["note.created"]);
      const below = collect(["note.*"]);
      const all = collect(["*"]);
      await events.publish({ source: "notes", name: "note.created", payload: { id: 1 } });
      await events.publish({ source: "notes", name: "note.tag.added", payload: null });
      await events.publish({ source: "core", name: "user.created", payload: null });
      await until(() => all.seen.length === 3);
      assert.deepEqual(exact.seen, [{ name: "note.created", payload: { id: 1 }, source: "notes" }]);
      assert.deepEqual(names(below.seen), ["note.created", "note.tag.added"]);
      for (const { undo } of [exact, below, all]) undo();
    });

    test("a pattern does not cover its own stem or names that only begin alike", async () => {
      const below = collect(["note.*"]);
      const all = collect(["*"]);
      for (const published of ["note", "notes.created", "notebook"])
        await events.publish({ source: "x", name: published, payload: null });
      await until(() => all.seen.length === 3);
      assert.deepEqual(below.seen, []);
      below.undo();
      all.undo();
    });

    test("each subscriber gets events one at a time in the order of publishing, and a slow one holds nobody up", async () => {
      const quick = collect(["step.*"]);
      const slow: string[] = [];
      const gate = Promise.withResolvers<void>();
      let inside = 0;
      const undo = events.subscribe("slow", ["step.*"], async (event) => {
        inside += 1;
        assert.equal(inside, 1);
        await gate.promise;
        await new Promise((resolve) => setTimeout(resolve, 1));
        slow.push(event.name);
        inside -= 1;
      });
      const published = Array.from({ length: 20 }, (_, index) => `step.s${index}`);
      for (const step of published) await events.publish({ source: "x", name: step, payload: null });
      await until(() => quick.seen.length === 20);
      assert.ok(slow.length < 20);
      gate.resolve();
      await until(() => slow.length === 20);
      assert.deepEqual(slow, published);
      assert.deepEqual(names(quick.seen), published);
      undo();
      quick.undo();
    });

    test("events of one key come one at a time and in order; another key does not wait for them", async () => {
      const gate = Promise.withResolvers<void>();
      const seen: string[] = [];
      const inside = new Map<string, number>();
      const undo = events.subscribe("keyed", ["k.*"], async ({ name, payload }) => {
        const key = String(payload);
        inside.set(key, (inside.get(key) ?? 0) + 1);
        assert.equal(inside.get(key), 1);
        if (name === "k.s0" && key === "slow") await gate.promise;
        else await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push(`${key} ${name}`);
        inside.set(key, 0);
      });
      for (let step = 0; step < 5; step += 1) {
        for (const key of ["slow", "quick", undefined]) {
          const payload = key ?? "none";
          await events.publish({ source: "x", name: `k.s${step}`, payload, key });
        }
      }
      await until(() => seen.length === 10);
      assert.ok(seen.every((line) => !line.startsWith("slow")));
      gate.resolve();
      await until(() => seen.length === 15);
      for (const key of ["slow", "quick", "none"]) {
        const steps = seen.filter((line) => line.startsWith(key)).map((line) => line.slice(-1));
        assert.deepEqual(steps, ["0", "1", "2", "3", "4"]);
      }
      undo();
    });

    test("a hundred busy keys do not keep a quiet one waiting", async () => {
      const seen: string[] = [];
      const undo = events.subscribe("crowd", ["b.*"], async ({ payload }) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push(String(payload));
      });
      for (let round = 0; round < 5; round += 1) {
        for (let key = 0; key < 100; key += 1) {
          await events.publish({ source: "x", name: "b.c", payload: `busy${key}`, key: `busy${key}` });
        }
      }
      await events.publish({ source: "x", name: "b.c", payload: "quiet", key: "quiet" });
      await until(() => seen.length === 501);
      assert.ok(seen.indexOf("quiet") < 250);
      undo();
    });

    test("a handler that fails or throws loses that event alone", async () => {
      const seen: string[] = [];
      const undo = events.subscribe("shaky", ["x.*"], async (event) => {
        if (event.name === "x.bad") throw new Error("no");
        seen.push(event.name);
      });
      for (const published of ["x.a", "x.bad", "x.b"])
        await events.publish({ source: "x", name: published, payload: null });
      await until(() => seen.length === 2);
      assert.deepEqual(seen, ["x.a", "x.b"]);
      undo();
    });

    test("after the undo nothing is delivered any more, not even what waited", async () => {
      const gate = Promise.withResolvers<void>();
      const seen: string[] = [];
      const undo = events.subscribe("going", ["g.*"], async (event) => {
        seen.push(event.name);
        await gate.promise;
      });
      for (const published of ["g.a", "g.b"])
        await events.publish({ source: "x", name: published, payload: null });
      await until(() => seen.length === 1);
      undo();
      undo();
      gate.resolve();
      const rest = collect(["g.*"]);
      await events.publish({ source: "x", name: "g.c", payload: null });
      await until(() => rest.seen.length === 1);
      assert.deepEqual(seen, ["g.a"]);
      rest.undo();
    });

    test("a subscriber that is too slow loses events beyond its queue, and health counts them", async () => {
      await using small = await open({ maxQueue: 2 });
      const gate = Promise.withResolvers<void>();
      const seen: string[] = [];
      small.subscribe("stuck", ["q.*"], async (event) => {
        seen.push(event.name);
        await gate.promise;
      });
      await small.publish({ source: "x", name: "q.s0", payload: null });
      await until(() => seen.length === 1);
      for (const step of [1, 2, 3, 4])
        await small.publish({ source: "x", name: `q.s${step}`, payload: null });
      gate.resolve();
      await until(() => seen.length === 3);
      assert.deepEqual(seen, ["q.s0", "q.s1", "q.s2"]);
      assert.match((await small.check(60_000)).detail, /2 events dropped/);
    });

    test("a plugin publishes what its permissions cover, under its own name", async () => {
      const all = collect(["*"]);
      const facade = await events.forPlugin(
        identity("notes", { events: { publish: ["note.*"], subscribe: [] } }),
      );
      await hostCall(facade, "events.publish", { name: "note.created", payload: { id: 7 }, source: "core" });
      await until(() => all.seen.length === 1);
      assert.deepEqual(all.seen, [{ name: "note.created", payload: { id: 7 }, source: "notes" }]);
      const refused = (args: unknown, code: string) =>
        assert.rejects(hostCall(facade, "events.publish", args), { code });
      await refused({ name: "user.created", payload: null }, "PERMISSION_UNDECLARED");
      await refused({ name: "note", payload: null }, "PERMISSION_UNDECLARED");
      await refused({ name: "note.*", payload: null }, "INPUT_INVALID");
      await refused({ name: "note..x", payload: null }, "INPUT_INVALID");
      await refused({ name: 5, payload: null }, "INPUT_INVALID");
      await refused(null, "INPUT_INVALID");
      await refused({ name: "note.created", payload: null, key: 5 }, "INPUT_INVALID");
      await refused({ name: "note.created", payload: null, durable: "yes" }, "INPUT_INVALID");
      await refused({ name: "note.created", payload: "x".repeat(70_000) }, "QUOTA_EXCEEDED");
      assert.equal(all.seen.length, 1);
      all.undo();
    });

    test("a durable event is not delivered but kept, with an id, by whoever keeps it", async () => {
      await using own = await open();
      const all: EventDelivery[] = [];
      own.subscribe("reader", ["*"], async (event) => void all.push(event));
      const facade = await own.forPlugin(
        identity("notes", { events: { publish: ["note.*"], subscribe: [] } }),
      );
      const args = { name: "note.created", payload: { id: 1 }, durable: true };
      await assert.rejects(hostCall(facade, "events.publish", args), { code: "SERVICE_UNAVAILABLE" });
      const kept: PublishedEvent[] = [];
      own.attach({
        keep: (event) => {
          kept.push(event);
          return Promise.resolve();
        },
        tenant: () => assert.fail("no tenant is named"),
      });
      await hostCall(facade, "events.publish", args);
      await hostCall(facade, "events.publish", { ...args, key: "one" });
      await hostCall(facade, "events.publish", { ...args, durable: false });
      await until(() => all.length === 1);
      const [{ id = "", ...rest } = {}, keyed] = kept;
      assert.match(id, /^[0-9a-f-]{36}$/);
      assert.deepEqual(rest, { name: "note.created", payload: { id: 1 }, source: "notes", key: undefined });
      assert.equal(kept.length, 2);
      assert.equal(keyed?.key, "one");
      assert.equal("id" in (all[0] ?? {}), false);
    });

    test("a pattern that is none is refused, naming plugin and pattern", () => {
      for (const wrong of ["note.*.x", "*.created", "", "note.**", "note created"]) {
        assert.throws(() => events.subscribe("notes", [wrong], () => Promise.resolve()), {
          code: "PLUGIN_DEFINITION",
          message: new RegExp(`plugin 'notes'.*no name or pattern`),
        });
      }
      assert.throws(() => events.subscribe("notes", ["note.**"], () => Promise.resolve()), {
        hint: "Write note.*: a * at the end stands for all that follows; there is no **.",
      });
    });
  });
}

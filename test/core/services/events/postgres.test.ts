// Events by the database: on one node as in memory, and between nodes through LISTEN and NOTIFY.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DatabaseService } from "../../../../src/core/services/database/database.ts";
import type { EventsService } from "../../../../src/core/services/events/events.ts";
import { postgresEvents } from "../../../../src/core/services/events/postgres.ts";
import { channelOf } from "../../../../src/core/services/events/postgres-carrier.ts";
import type { Service } from "../../../../src/core/services/service.ts";
import { eventsConformance } from "../../../conformance/events.ts";
import { eventsBetweenNodes } from "../../../conformance/events-between-nodes.ts";
import { openFaultProxy } from "../../../support/fault-proxy.ts";
import {
  identity,
  openProvider,
  testSystemDatabase,
  until,
  type TestDatabase,
} from "../../../support/services.ts";

let database: TestDatabase;
before(async () => {
  database = await testSystemDatabase();
});
after(() => database[Symbol.asyncDispose]());

const open = async (service: Service, options: Record<string, unknown> = {}): Promise<EventsService> =>
  (await openProvider(postgresEvents, { options, needs: { database: service } })) as EventsService;

eventsConformance("postgres", (options) => open(database.service, options));

eventsBetweenNodes("Postgres", async () => {
  const { connection, pool } = database.service;
  const proxy = await openFaultProxy({ port: connection.port });
  const behind = { connection: { ...connection, port: proxy.port }, pool } as DatabaseService;
  return { proxy, open: () => open(behind), [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() };
});

test("the channel is the same for all nodes, random, and out of every plugin's sight", async () => {
  const { service } = database;
  const names = await Promise.all(Array.from({ length: 5 }, () => channelOf(service.pool)));
  assert.match(names[0] ?? "", /^xcore_[0-9a-f]{32}$/);
  assert.equal(new Set(names).size, 1);
  const plugin = await service.forPlugin(identity("spy", { database: true }));
  const query = plugin.calls["db.query"];
  assert.ok(query !== undefined);
  const context = { signal: new AbortController().signal, timeoutMs: 60_000 };
  await assert.rejects(
    query({ text: "select channel from xcore.channels", params: [] }, context),
    /permission denied/,
  );
  await plugin[Symbol.asyncDispose]();
});

test("a backend that is ended is connected again, and what is published at once does not wait for it", async () => {
  const { service } = database;
  await using events = await open(service);
  await using other = await open(service);
  const seen: string[] = [];
  other.subscribe("reader", ["*"], async ({ name }) => void seen.push(name));
  await service.pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'xcore events'",
  );
  let asked = 0;
  await until(async () => {
    // What is published before the other one hears again is lost to it.
    if (asked % 100 === 0) await events.publish({ source: "x", name: "a.back", payload: null });
    asked += 1;
    return seen.includes("a.back");
  });
});

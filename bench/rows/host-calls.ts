// What a plugin's own calls cost, from inside: an action of another plugin, the cache.
import { quantile } from "../figures.ts";
import type { Family, Plan } from "../plan.ts";
import type { Row } from "../table.ts";
import { integration, makeWorkspace, plugin, serve } from "../workspace.ts";

export const hostCalls: Family = { name: "calls", run };

/** Clocks inside count whole milliseconds, so calls are timed in stretches of this many. */
const stretch = 50;
const inFlight = 64;

const caller = `
const calls = {
  action: (ctx) => ctx.call("callee.echo", { id: 7 }),
  cache: (ctx) => ctx.cache.get("key"),
};
export default definePlugin({
  start: (ctx) => ctx.cache.set("key", { title: "a note", done: false }),
  routes: {
    "GET /:kind/:inFlight/:count": async (request, ctx) => {
      const call = calls[ctx.params.kind];
      let left = Number(ctx.params.count);
      const began = Date.now();
      const drive = async () => { while ((left -= 1) >= 0) await call(ctx); };
      await Promise.all(Array.from({ length: Number(ctx.params.inFlight) }, drive));
      return Date.now() - began;
    },
  },
});`;

const callee = `
export default definePlugin({ actions: { echo: { run: (input) => input } } });`;

async function* run(plan: Plan): AsyncGenerator<Row[]> {
  await using workspace = await makeWorkspace({
    "integration.yaml": integration(),
    ...plugin("callee", callee),
    ...plugin(
      "caller",
      caller,
      "permissions: { call: [callee.echo], cache: true }\nlimits: { timeout: 30s, cpu: 1s }\ndependencies: { callee: ^1.0.0 }\n",
    ),
  });
  await using server = await serve(workspace);
  const timed = async (kind: string, flight: number, count: number): Promise<number> => {
    const response = await fetch(`${server.address}/app/caller/${kind}/${flight}/${count}`);
    if (!response.ok) throw new Error(await response.text());
    return Number(await response.text());
  };
  const roundTrips = async (kind: string): Promise<number[]> => {
    const trips: number[] = [];
    for (let sample = -4; sample < plan.samples; sample += 1) {
      const ms = await timed(kind, 1, stretch);
      if (sample >= 0) trips.push(ms / stretch);
    }
    return trips;
  };
  const perSecond = async (kind: string): Promise<number> => {
    const rates: number[] = [];
    const count = plan.turnMs * 10;
    for (let round = -1; round < plan.rounds; round += 1) {
      const ms = await timed(kind, inFlight, count);
      if (round >= 0) rates.push((count * 1000) / ms);
    }
    return quantile(rates, 0.5);
  };
  plan.say("actions");
  const action = await roundTrips("action");
  const actions = await perSecond("action");
  plan.say("cache");
  const cache = await roundTrips("cache");
  const gets = await perSecond("cache");
  yield [
    {
      what: "action of another plugin, round trip, p50",
      value: quantile(action, 0.5),
      unit: "ms",
      goal: { atMost: 0.12 },
      measured: spread(action),
    },
    {
      what: `actions of another plugin, ${inFlight} in flight`,
      value: actions,
      unit: "/s",
      goal: { atLeast: 40_000 },
    },
    {
      what: "cache.get through the wall, p50",
      value: quantile(cache, 0.5),
      unit: "ms",
      measured: spread(cache),
    },
    { what: `cache.get through the wall, ${inFlight} in flight`, value: gets, unit: "/s" },
  ];
}

function spread(trips: number[]): string {
  return `medians of stretches of ${stretch} calls; p95 ${quantile(trips, 0.95).toFixed(3)} ms`;
}

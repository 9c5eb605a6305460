// How long a server takes to start, and from the save of a plugin to its first new answer under load.
import { setTimeout as sleep } from "node:timers/promises";
import { quantile, median } from "../figures.ts";
import { load } from "../load.ts";
import type { Family, Plan } from "../plan.ts";
import type { Row } from "../table.ts";
import { integration, makeWorkspace, plugin, serve, type Workspace } from "../workspace.ts";

export const reload: Family = { name: "reload", run };

const ratePerSecond = 500;
const betweenMs = 200;
const patienceMs = 5000;

const source = (save: number): string =>
  `export default definePlugin({ routes: { "GET /": () => "${save}" } });`;

async function* run(plan: Plan): AsyncGenerator<Row[]> {
  await using workspace = await makeWorkspace({
    "integration.yaml": integration(),
    ...plugin("edited", source(0)),
  });
  yield await startRows(workspace, plan);
  yield await saveRows(workspace, plan);
}

async function startRows(workspace: Workspace, plan: Plan): Promise<Row[]> {
  plan.say("starts, cold and warm");
  const starts: number[] = [];
  for (let start = 0; start <= Math.min(5, plan.samples); start += 1) {
    await using server = await serve(workspace);
    starts.push(server.startMs);
  }
  return [
    { what: "start, cold (makes the embedded Postgres)", value: starts[0] ?? Number.NaN, unit: "ms" },
    { what: "start, warm, p50", value: median(starts.slice(1)), unit: "ms" },
  ];
}

async function saveRows(workspace: Workspace, plan: Plan): Promise<Row[]> {
  await using server = await serve(workspace, { watch: true });
  plan.say(`${plan.samples} saves under ${ratePerSecond} requests/s`);
  const connections = 10;
  const last = Array.from({ length: connections }, () => 0);
  let newest = 0;
  let older = 0;
  let arrived: (() => void) | undefined;
  const onAnswer = (connection: number, body: string): void => {
    const answer = Number(body);
    if (answer < (last[connection] ?? 0)) older += 1;
    last[connection] = answer;
    if (answer <= newest) return;
    newest = answer;
    arrived?.();
  };
  const ms = plan.samples * (betweenMs + 50) + 1000;
  const path = "/app/edited/";
  const loading = load({ address: server.address, path, connections, ms, rate: ratePerSecond, onAnswer });
  const times: number[] = [];
  await sleep(500);
  for (let save = 1; save <= plan.samples; save += 1) {
    const { promise, resolve } = Promise.withResolvers<void>();
    arrived = resolve;
    const began = performance.now();
    const [file = "", text = ""] = Object.entries(plugin("edited", source(save)))[1] ?? [];
    await workspace.write(file, text);
    const never = AbortSignal.timeout(patienceMs);
    await Promise.race([
      promise,
      new Promise((_, reject) => {
        never.addEventListener("abort", () => reject(new Error(`save ${save} was never served`)));
      }),
    ]);
    times.push(performance.now() - began);
    await sleep(betweenMs);
  }
  const result = await loading;
  const title = `save to first new answer under ${ratePerSecond} requests/s`;
  return [
    { what: `${title}, p50`, value: quantile(times, 0.5), unit: "ms", goal: { atMost: 20 } },
    { what: `${title}, p95`, value: quantile(times, 0.95), unit: "ms", goal: { atMost: 60 } },
    {
      what: `${title}: failed requests`,
      value: result.failed,
      unit: "",
      goal: { atMost: 0 },
      measured: `of ${result.answers.toLocaleString("en")} in ${times.length} saves`,
    },
    {
      what: `${title}: answers of an older revision after a newer one on a connection`,
      value: older,
      unit: "",
      goal: { atMost: 0 },
    },
  ];
}

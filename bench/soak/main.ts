// npm run soak: a thousand reloads and ten minutes of load; prints what the server holds and whether it grows.
// npm run soak -- [--reloads 1000] [--minutes 10] [--rate 200]
import { parseArgs } from "node:util";
import { machine, renderMachine } from "../machine.ts";
import type { Sample } from "./sample.ts";
import { soak } from "./soak.ts";
import { verdictOf } from "./verdict.ts";

const { values } = parseArgs({
  options: {
    reloads: { type: "string", default: "1000" },
    minutes: { type: "string", default: "10" },
    rate: { type: "string", default: "200" },
  },
});
const columns = [
  "reloads",
  "heapMb",
  "coreMb",
  "hostsMb",
  "hosts",
  "descriptors",
  "threads",
  "timers",
] as const;

console.log(renderMachine(machine()));
console.log(columns.map((column) => column.padStart(13)).join(""));
const { samples, requests, failed } = await soak({
  reloads: Number(values.reloads),
  ms: Number(values.minutes) * 60_000,
  samples: 20,
  requestsPerSecond: Number(values.rate),
  onSample: (sample: Sample) => {
    console.log(
      columns.map((column) => sample[column].toFixed(column.endsWith("Mb") ? 1 : 0).padStart(13)).join(""),
    );
  },
});
console.log(`${requests.toLocaleString("en")} requests, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
for (const { what, per100Reloads, allowed, flat } of verdictOf(samples)) {
  console.log(
    `${what.padEnd(12)} ${per100Reloads.toFixed(3).padStart(8)} per 100 reloads, allowed ${allowed}: ${flat ? "flat" : "GROWS"}`,
  );
  if (!flat) process.exitCode = 1;
}

// npm run bench: every figure that is promised, against its peers, in one table.
// npm run bench -- [--quick] [--json] [family …]
import { parseArgs } from "node:util";
import { machine, renderMachine } from "./machine.ts";
import { fullPlan, quickPlan, type Family, type Plan } from "./plan.ts";
import { cli } from "./rows/cli.ts";
import { database } from "./rows/database.ts";
import { hostCalls } from "./rows/host-calls.ts";
import { http } from "./rows/http.ts";
import { isolates } from "./rows/isolates.ts";
import { jobs } from "./rows/jobs.ts";
import { manyPlugins } from "./rows/many-plugins.ts";
import { memory } from "./rows/memory.ts";
import { reload } from "./rows/reload.ts";
import { renderTable, type Row } from "./table.ts";

const families: readonly Family[] = [
  http,
  hostCalls,
  manyPlugins,
  isolates,
  reload,
  memory,
  database,
  jobs,
  cli,
];

const { values, positionals } = parseArgs({
  options: { quick: { type: "boolean" }, json: { type: "boolean" } },
  allowPositionals: true,
});
const known = families.map(({ name }) => name);
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`there is no family '${unknown.join("', '")}'; there are: ${known.join(", ")}`);
  process.exit(2);
}
const chosen = families.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const on = machine();
const began = performance.now();
const rows: Row[] = [];
for (const family of chosen) {
  const plan: Plan = {
    ...(values.quick === true ? quickPlan : fullPlan),
    say: (text) => console.error(`[${seconds()} s] ${family.name}: ${text}`),
  };
  try {
    for await (const some of family.run(plan)) rows.push(...some);
  } catch (error) {
    process.exitCode = 1;
    rows.push({ what: `${family.name} failed`, value: Number.NaN, unit: "", measured: String(error) });
    console.error(error);
  }
}
if (values.json === true)
  console.log(JSON.stringify({ machine: on, seconds: seconds(), rows }, undefined, 2));
else console.log(`\n${renderMachine(on)}\n\n${renderTable(rows)}\n\n${seconds()} s`);

function seconds(): number {
  return Math.round((performance.now() - began) / 1000);
}

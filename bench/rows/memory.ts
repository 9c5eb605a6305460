// What a plugin costs in memory: one more in a shared host, and a host of its own.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "../figures.ts";
import type { Family, Plan } from "../plan.ts";
import { familyOf, memoryOf, type Memory } from "../process-figures.ts";
import type { Row } from "../table.ts";
import { serve } from "../workspace.ts";
import { pluginNames, projectOf } from "./many-plugins.ts";

export const memory: Family = { name: "memory", run };

async function* run(plan: Plan): AsyncGenerator<Row[]> {
  const one = await hostsOf(1, "shared", plan);
  const many = await hostsOf(plan.many, "shared", plan);
  const perPlugin = (key: keyof Memory): number =>
    ((many[0]?.[key] ?? Number.NaN) - (one[0]?.[key] ?? Number.NaN)) / (plan.many - 1);
  const own = await hostsOf(10, "own", plan);
  const perHost = (key: keyof Memory): number => median(own.map((host) => host[key]));
  yield [
    {
      what: `memory of one more plugin in a shared host of ${plan.many}`,
      value: perPlugin("rssMb"),
      unit: "MB",
      goal: { atMost: 2 },
      measured: `Rss ${one[0]?.rssMb.toFixed(0)} MB with 1, ${many[0]?.rssMb.toFixed(0)} MB with ${plan.many}`,
    },
    {
      what: "memory of a plugin in a host of its own",
      value: perHost("pssMb"),
      unit: "MB",
      goal: { atMost: 35 },
      measured: `Pss among 10; private ${perHost("privateMb").toFixed(1)} MB, Rss ${perHost("rssMb").toFixed(1)} MB`,
    },
  ];
}

/** Memory of the hosts that hold plugins, largest first, once each plugin has answered some requests. */
async function hostsOf(count: number, isolation: "shared" | "own", plan: Plan): Promise<Memory[]> {
  plan.say(`${count} plugin(s), isolation ${isolation}`);
  await using workspace = await projectOf(count, { isolation });
  await using server = await serve(workspace);
  for (let round = 0; round < 20; round += 1) {
    for (const name of pluginNames(count)) {
      const response = await fetch(`${server.address}/app/${name}/`);
      if (!response.ok) throw new Error(`plugin ${name} answered ${response.status}`);
      await response.text();
    }
  }
  await sleep(1000);
  const hosts: Memory[] = [];
  for (const pid of await familyOf(server.pid)) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes("sandbox-host")) hosts.push(await memoryOf(pid));
  }
  // The smallest is the spare, which holds nobody.
  return hosts.sort((a, b) => b.privateMb - a.privateMb).slice(0, -1);
}

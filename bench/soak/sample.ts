// What a server holds at one moment, seen from outside and told from inside.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { familyOf, memoryOf } from "../process-figures.ts";
import type { Inside } from "./core.ts";

export interface Sample {
  reloads: number;
  /** Of the core, after a full collection. */
  heapMb: number;
  coreMb: number;
  /** Private memory of all sandbox hosts together. */
  hostsMb: number;
  hosts: number;
  /** Of the core and of its hosts. */
  descriptors: number;
  threads: number;
  timers: number;
}

export async function sampleOf(core: ChildProcess, reloads: number): Promise<Sample> {
  core.send("sample");
  const [inside] = (await once(core, "message")) as [Inside];
  const pid = core.pid ?? 0;
  const hosts: number[] = [];
  for (const one of await familyOf(pid)) {
    const command = await readFile(`/proc/${one}/cmdline`, "utf8").catch(() => "");
    if (command.includes("sandbox-host")) hosts.push(one);
  }
  let hostsMb = 0;
  let descriptors = 0;
  let threads = 0;
  for (const one of hosts) hostsMb += (await memoryOf(one)).privateMb;
  for (const one of [pid, ...hosts]) {
    descriptors += (await readdir(`/proc/${one}/fd`)).length;
    threads += (await readdir(`/proc/${one}/task`)).length;
  }
  return {
    reloads,
    heapMb: inside.heapBytes / 1024 ** 2,
    coreMb: (await memoryOf(pid)).privateMb,
    hostsMb,
    hosts: hosts.length,
    descriptors,
    threads,
    timers: inside.resources["Timeout"] ?? 0,
  };
}

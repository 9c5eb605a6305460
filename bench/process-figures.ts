// CPU time and memory of a process and all below it, from /proc.
import { readdir, readFile } from "node:fs/promises";

/** The process and all its descendants. */
export async function familyOf(pid: number): Promise<number[]> {
  return (await familyRows(pid)).map((row) => row.pid);
}

/** CPU time of a process and all below it, in ms (clock ticks of 10 ms). */
export async function cpuMs(pid: number): Promise<number> {
  return (await familyRows(pid)).reduce((sum, row) => sum + row.ticks * 10, 0);
}

export interface Memory {
  /** What is in memory. */
  rssMb: number;
  /** The same, with pages that several processes share split between them. */
  pssMb: number;
  /** What would be free if this one ended. */
  privateMb: number;
}

export async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const kb = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
  return {
    rssMb: kb("Rss") / 1024,
    pssMb: kb("Pss") / 1024,
    privateMb: (kb("Private_Clean") + kb("Private_Dirty")) / 1024,
  };
}

interface Stat {
  pid: number;
  parent: number;
  ticks: number;
}

async function familyRows(pid: number): Promise<Stat[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const rows = await Promise.all(pids.map(statOf));
  const family = new Set([pid]);
  for (let grown = true; grown;) {
    grown = false;
    for (const row of rows) {
      if (!family.has(row.parent) || family.has(row.pid)) continue;
      family.add(row.pid);
      grown = true;
    }
  }
  return rows.filter((row) => family.has(row.pid));
}

async function statOf(pid: number): Promise<Stat> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { pid, parent: Number(fields[1] ?? 0), ticks: Number(fields[11] ?? 0) + Number(fields[12] ?? 0) };
}

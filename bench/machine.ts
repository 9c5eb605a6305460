// What the figures were measured on.
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";

export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  node: string;
  /** Of the last minute, before the run. */
  load: number;
  date: string;
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    kernel: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    date: new Date().toISOString().slice(0, 16),
  };
}

export function renderMachine({ cpu, cores, memoryGb, kernel, node, load, date }: Machine): string {
  const busy = load > 0.5 ? " (a busy machine: trust ratios and CPU times only)" : "";
  return `${cores} cores of ${cpu}, ${memoryGb} GB, ${kernel}, Node ${node}, load ${load}${busy}, ${date}`;
}

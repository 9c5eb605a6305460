// How much a sandbox host has computed so far: tells from outside that it is stuck.
import { ProcessMeter } from "../../src/core/sandbox/process-meter.ts";

/** CPU time of all its threads, in ms. */
export function hostCpuMs(pid: number | null): number {
  const meter = new ProcessMeter(pid ?? 0);
  try {
    return meter.cpuMs() ?? 0;
  } finally {
    meter.close();
  }
}

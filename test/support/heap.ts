// How much of this process' heap is really in use.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes, after a full collection. */
export function heapInUse(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

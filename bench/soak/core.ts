// The core under soak: a server as `xcore serve --watch` runs it, which also tells what it holds when asked. argv: the project's folder.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger } from "../../src/core/base/log.ts";
import { readConfig } from "../../src/core/config/read.ts";
import { openCore } from "../../src/core/core.ts";

/** What only the process itself knows. */
export interface Inside {
  heapBytes: number;
  /** Timers, sockets and the like that hold the event loop, by kind. */
  resources: Record<string, number>;
}

const collect = (globalThis as { gc?: () => void }).gc;

const config = await readConfig({ file: join(process.argv[2] ?? "", "integration.yaml") });
const core = await openCore({ config, logger: silentLogger, watch: true });
process.on("message", () => {
  void inside().then((told) => process.send?.(told));
});
process.once("SIGTERM", () => {
  void core.close({ drain: false }).then(() => process.exit(0));
});
console.log(core.address);

async function inside(): Promise<Inside> {
  // What the first collection finalises, the second one frees.
  for (let round = 0; round < 3; round += 1) {
    collect?.();
    await sleep(20);
  }
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  return { heapBytes: process.memoryUsage().heapUsed, resources };
}

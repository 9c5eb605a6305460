// A plugin as a debugger wants it: its sources within its code, its limits of time out of the way.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Build } from "./build.ts";

/** What a call, and a stretch without a pause, may take while somebody looks: nobody waits for a person at a breakpoint that long. */
const patienceMs = 3_600_000;
const largestSources = 4 * 1024 * 1024;

/** Memory stays limited; there is one isolate to look into. */
export function inspectedBuild(build: Build): Build {
  return {
    ...build,
    isolates: 1,
    limits: { ...build.limits, cpuMs: patienceMs, timeoutMs: patienceMs, rate: undefined },
  };
}

/** The bundle with its source map in a comment, as DevTools finds it; the plugin's own files stand in the map. */
export async function inspectableCode({ bundle, entry }: Build): Promise<string> {
  const map = JSON.parse(bundle.sourceMap) as { sources: string[] };
  let room = largestSources;
  const sourcesContent: (string | null)[] = [];
  for (const source of map.sources) {
    const own = !source.startsWith("..") && !source.includes("node_modules/");
    const text = own ? await readFile(join(entry.folder, source), "utf8").catch(() => null) : null;
    room -= text?.length ?? 0;
    sourcesContent.push(room > 0 ? text : null);
  }
  const json = Buffer.from(JSON.stringify({ ...map, sourcesContent })).toString("base64");
  return `${bundle.code}\n//# sourceMappingURL=data:application/json;charset=utf-8;base64,${json}\n`;
}

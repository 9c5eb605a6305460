// How long the command line takes, against a bare `node -e 0`, all interleaved.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { packageFile } from "../../src/core/base/package-root.ts";
import { stateFolderOf } from "../../src/core/base/workspace.ts";
import { openControlServer } from "../../test/cli/support/control-server.ts";
import { statusReport } from "../../test/cli/support/report.ts";
import { median } from "../figures.ts";
import type { Family, Plan } from "../plan.ts";
import type { Row } from "../table.ts";
import { integration, makeWorkspace } from "../workspace.ts";

export const cli: Family = { name: "cli", run };

const bin = packageFile("bin", "run.js");
const bare = "node -e 0";
const cases: Record<string, { args: string[]; overMs?: number; ms?: number }> = {
  [bare]: { args: ["-e", "0"] },
  "--version": { args: [bin, "--version"], overMs: 15 },
  status: { args: [bin, "status"], overMs: 40 },
  "--help": { args: [bin, "--help"], ms: 120 },
};

async function* run(plan: Plan): AsyncGenerator<Row[]> {
  await using workspace = await makeWorkspace({ "integration.yaml": integration() });
  const state = stateFolderOf(workspace.folder);
  await mkdir(state);
  await using _server = await openControlServer(state, () => ({ result: statusReport() }));
  const times = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]));
  plan.say("each command in turn");
  for (let round = -2; round < plan.samples; round += 1) {
    for (const [name, { args }] of Object.entries(cases)) {
      const ms = await time(args, workspace.folder);
      if (round >= 0) times.get(name)?.push(ms);
    }
  }
  const of = (name: string): number => median(times.get(name) ?? []);
  yield Object.entries(cases)
    .filter(([name]) => name !== bare)
    .map(([name, { overMs, ms }]) => ({
      what: ms === undefined ? `xcore ${name}: over a bare node` : `xcore ${name}`,
      value: of(name) - (ms === undefined ? of(bare) : 0),
      unit: "ms",
      goal: { atMost: overMs ?? ms ?? Number.NaN },
      measured: `node ${of(bare).toFixed(1)} ms, xcore ${of(name).toFixed(1)} ms`,
    }));
}

async function time(args: string[], cwd: string): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.resume();
  const [code] = (await once(child, "exit")) as [number];
  if (code !== 0) throw new Error(`${args.join(" ")} exited with ${code}`);
  return performance.now() - start;
}

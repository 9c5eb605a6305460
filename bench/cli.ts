// How long the command line takes, against a bare `node -e 0`, all interleaved so that a busy machine is busy for each alike.
// node bench/cli.ts [rounds]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageFile } from "../src/core/base/package-root.ts";
import { stateFolderOf } from "../src/core/base/workspace.ts";
import { openControlServer } from "../test/cli/support/control-server.ts";
import { statusReport } from "../test/cli/support/report.ts";

const rounds = Number(process.argv[2] ?? 40);
const bin = packageFile("bin", "run.js");
const cases: Record<string, { args: string[]; goal?: string }> = {
  "node -e 0": { args: ["-e", "0"] },
  "--version": { args: [bin, "--version"], goal: "within 15 ms of bare node" },
  status: { args: [bin, "status"], goal: "within 40 ms of bare node" },
  "--help": { args: [bin, "--help"], goal: "under 120 ms" },
};

const workspace = await mkdtemp(join(tmpdir(), "xcore-bench-"));
try {
  await mkdir(stateFolderOf(workspace));
  await writeFile(join(workspace, "integration.yaml"), "name: bench\n");
  await using _server = await openControlServer(stateFolderOf(workspace), () => ({ result: statusReport() }));
  const times = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]));
  for (let round = -2; round < rounds; round += 1) {
    for (const [name, { args }] of Object.entries(cases)) {
      const ms = await time(args, workspace);
      if (round >= 0) times.get(name)?.push(ms);
    }
  }
  const bare = median(times.get("node -e 0") ?? []);
  for (const [name, { goal = "" }] of Object.entries(cases)) {
    const ms = median(times.get(name) ?? []);
    const over = (ms - bare).toFixed(1).padStart(6);
    console.log(`${name.padEnd(12)} ${ms.toFixed(1).padStart(6)} ms  +${over}  ${goal}`);
  }
} finally {
  await rm(workspace, { recursive: true, force: true });
}

async function time(args: string[], cwd: string): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.resume();
  const [code] = (await once(child, "exit")) as [number];
  if (code !== 0) throw new Error(`${args.join(" ")} exited with ${code}`);
  return performance.now() - start;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

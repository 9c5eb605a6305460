// Sees to it that dist/ holds the programs behind the wall as the sources are now.
import { existsSync, globSync, statSync } from "node:fs";
import { rename } from "node:fs/promises";
import { build } from "esbuild";
import { buildGuestRuntime, guestOptions } from "../../../scripts/guest.ts";
import { packageFile, packageRoot } from "../../../src/core/base/package-root.ts";

interface Program {
  outputs: readonly string[];
  watched: readonly string[];
  /** Writes each of the outputs to a file of another name. */
  make(staged: readonly string[]): Promise<unknown>;
}

const guestSources = ["src/{wire,guest}/**/*.ts", "scripts/guest.ts"];
const programs: readonly Program[] = [
  {
    outputs: ["dist/sandbox-host.js"],
    watched: ["src/{wire,core/sandbox}/**/*.ts"],
    make: ([outfile = ""]) =>
      build({
        absWorkingDir: packageRoot,
        entryPoints: ["src/core/sandbox/host/main.ts"],
        outfile,
        bundle: true,
        legalComments: "none",
        logLevel: "warning",
        format: "esm",
        platform: "node",
        target: "node24",
        external: ["isolated-vm"],
      }),
  },
  {
    outputs: ["dist/guest-parts.json", "dist/guest.js"],
    watched: guestSources,
    make: ([parts = "", runtime = ""]) => buildGuestRuntime({ runtime, parts }),
  },
  {
    outputs: ["dist/guest-trusted.js"],
    watched: guestSources,
    make: ([outfile = ""]) =>
      build({
        ...guestOptions,
        entryPoints: ["src/guest/trusted.ts"],
        outfile,
        format: "iife",
        define: { globalThis: "__xcore_global" },
      }),
  },
];

/** Builds what is missing or older than its sources. Safe to call from several test files at once. */
export async function ensureBuilt(): Promise<void> {
  for (const { outputs, watched, make } of programs) {
    const targets = outputs.map((output) => packageFile(output));
    const sources = globSync(watched, { cwd: packageRoot }).map(
      (file) => statSync(packageFile(file)).mtimeMs,
    );
    const newest = Math.max(...sources);
    if (targets.every((target) => existsSync(target) && statSync(target).mtimeMs >= newest)) continue;
    const staged = targets.map((target) => `${target}.${process.pid}.tmp`);
    await make(staged);
    for (const [index, target] of targets.entries()) await rename(staged[index] ?? "", target);
  }
}

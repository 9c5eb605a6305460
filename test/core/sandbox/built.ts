// Sees to it that dist/ holds the programs behind the wall as the sources are now.
import { existsSync, globSync, statSync } from "node:fs";
import { rename } from "node:fs/promises";
import { build, type BuildOptions } from "esbuild";
import { packageFile, packageRoot } from "../../../src/core/base/package-root.ts";

const parts: readonly (BuildOptions & { source: string; output: string; watched: string })[] = [
  {
    source: "src/core/sandbox/host/main.ts",
    output: "dist/sandbox-host.js",
    watched: "src/{wire,core/sandbox}/**/*.ts",
    format: "esm",
    platform: "node",
    target: "node24",
    external: ["isolated-vm"],
  },
  {
    source: "src/guest/main.ts",
    output: "dist/guest.js",
    watched: "src/{wire,guest}/**/*.ts",
    format: "iife",
    platform: "neutral",
    target: "es2024",
    mainFields: ["module", "main"],
  },
  {
    source: "src/guest/trusted.ts",
    output: "dist/guest-trusted.js",
    watched: "src/{wire,guest}/**/*.ts",
    format: "iife",
    platform: "neutral",
    target: "es2024",
    mainFields: ["module", "main"],
    define: { globalThis: "__xcore_global" },
  },
];

/** Builds what is missing or older than its sources. Safe to call from several test files at once. */
export async function ensureBuilt(): Promise<void> {
  for (const { source, output, watched, ...options } of parts) {
    if (!existsSync(packageFile(source))) continue;
    const target = packageFile(output);
    const sources = globSync(watched, { cwd: packageRoot }).map(
      (file) => statSync(packageFile(file)).mtimeMs,
    );
    if (existsSync(target) && statSync(target).mtimeMs >= Math.max(...sources)) continue;
    const staged = `${target}.${process.pid}.tmp`;
    await build({
      ...options,
      absWorkingDir: packageRoot,
      entryPoints: [source],
      outfile: staged,
      bundle: true,
      legalComments: "none",
      logLevel: "warning",
    });
    await rename(staged, target);
  }
}

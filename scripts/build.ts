// Builds dist/: the command line and the core as a code-split bundle, the programs that run behind the wall, the declarations.
// `node scripts/build.ts --no-types` leaves the declarations out.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build, type BuildOptions } from "esbuild";
import type * as Main from "../src/main.ts";
import { buildGuestRuntime, guestOptions } from "./guest.ts";
import packageJson from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

/** Built aside and then put in place of dist/ at once: a server or a test that uses the old one never sees half of it. */
const staging = `${root}node_modules/.cache/xcore-build-${process.pid}`;

// Its types stand in ours, so it is a dependency; but it comes in 700 small files, which would be a third of the time a start takes.
const bundled = new Set(["typebox"]);

/** A package that is installed with xcore is loaded from there; one that only the build needs is put into the bundle. */
const external = Object.keys({
  ...packageJson.dependencies,
  ...packageJson.optionalDependencies,
  ...packageJson.peerDependencies,
})
  .filter((name) => !bundled.has(name))
  .flatMap((name) => [name, `${name}/*`]);

const common = {
  absWorkingDir: root,
  bundle: true,
  outdir: staging,
  logLevel: "warning",
  legalComments: "none",
} satisfies BuildOptions;

/** Node 24 has it. Rewritten by esbuild, a `using` inside a loop throws again what an earlier round has caught. */
const nativeUsing = { using: true };

/** Entry points by the name of their output; one whose source does not exist yet is left out. */
function entries(points: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(points).filter(([, source]) => existsSync(`${root}${source}`)));
}

/** Modules for Node, sharing their common parts. CommonJS packages in the bundle still want `require` and `__dirname`. */
async function buildNode(): Promise<void> {
  await build({
    ...common,
    entryPoints: entries({
      cli: "src/main.ts",
      "fast-status": "src/cli/fast-status.ts",
      index: "src/core/index.ts",
      orm: "src/orm.ts",
      testing: "src/testing.ts",
    }),
    format: "esm",
    platform: "node",
    target: "node24",
    supported: nativeUsing,
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    external,
    banner: {
      js: [
        'import { createRequire as __createRequire } from "node:module";',
        "const require = __createRequire(import.meta.url);",
        "const __dirname = import.meta.dirname, __filename = import.meta.filename;",
      ].join("\n"),
    },
  });
}

/** The sandbox host stands alone: it may read nothing but its own file and isolated-vm. */
async function buildSandboxHost(): Promise<void> {
  await build({
    ...common,
    entryPoints: entries({ "sandbox-host": "src/core/sandbox/host/main.ts" }),
    format: "esm",
    platform: "node",
    target: "node24",
    supported: nativeUsing,
    external: ["isolated-vm"],
  });
}

/** What runs inside an isolate: one script without imports, and the modules that plugins import. */
async function buildGuest(): Promise<void> {
  const shared = { ...guestOptions, outdir: staging } satisfies BuildOptions;
  await Promise.all([
    buildGuestRuntime({ runtime: `${staging}/guest.js`, parts: `${staging}/guest-parts.json` }),
    build({
      ...shared,
      entryPoints: entries({ "guest-trusted": "src/guest/trusted.ts" }),
      format: "iife",
      define: { globalThis: "__xcore_global" },
    }),
    build({
      ...shared,
      entryPoints: entries({ "plugin-module": "src/guest/plugin-module.ts", kysely: "src/guest/kysely.ts" }),
      format: "esm",
      external: ["kysely"],
    }),
  ]);
}

async function buildTypes(): Promise<void> {
  const projects = entries({
    "tsconfig.types.json": "src/core/index.ts",
    "tsconfig.types.guest.json": "src/guest/plugin-module.ts",
  });
  await Promise.all(Object.keys(projects).map(emitTypes));
}

async function emitTypes(project: string): Promise<void> {
  try {
    await run("tsc", ["-p", project, "--outDir", `${staging}/types`], { cwd: root });
  } catch (error) {
    const output = error instanceof Error && "stdout" in error ? String(error.stdout) : "";
    throw new Error(`the declarations of ${project} could not be made:\n${output}`, { cause: error });
  }
}

/** oclif's manifest, made from the commands that were just built. */
async function writeManifest(): Promise<void> {
  const cli = `${staging}/cli.js`;
  const { commands, createManifest } = (await import(cli)) as typeof Main;
  const manifest = await createManifest(commands, packageJson.version);
  await writeFile(`${staging}/oclif.manifest.json`, JSON.stringify(manifest));
}

async function replaceDist(): Promise<void> {
  const old = `${staging}-old`;
  if (existsSync(`${root}dist`)) await rename(`${root}dist`, old);
  await rename(staging, `${root}dist`);
  await rm(old, { recursive: true, force: true });
}

await mkdir(staging, { recursive: true });
const parts = await Promise.allSettled([
  buildNode().then(writeManifest),
  buildSandboxHost(),
  buildGuest(),
  process.argv.includes("--no-types") ? undefined : buildTypes(),
]);
const failed = parts.filter((part) => part.status === "rejected");
for (const { reason } of failed) process.stderr.write(`${String(reason)}\n`);
if (failed.length === 0) await replaceDist();
else await cp(staging, `${root}dist`, { recursive: true });
await rm(staging, { recursive: true, force: true });
process.exitCode = failed.length === 0 ? 0 : 1;

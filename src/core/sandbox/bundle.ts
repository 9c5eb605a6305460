// The only file that knows esbuild: a plugin's entry with all it imports becomes one script for an isolate.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { context, transform, type BuildContext, type BuildOptions, type BuildResult } from "esbuild";
import { XcoreError } from "../base/error.ts";
import { bundleFailure, isBuildFailure, outsideFailure } from "./bundle-faults.ts";
import { borders, inputsOutside } from "./bundle-borders.ts";

export interface Bundle {
  /** A script that leaves the entry's exports in the global `__xcore_plugin`. */
  readonly code: string;
  /** Source map of `code` as JSON; its sources are relative to the plugin's folder. */
  readonly sourceMap: string;
  /** Files of the plugin's folder that went in, relative to it. */
  readonly inputs: readonly string[];
}

export interface BundlerOptions {
  /** The plugin's folder, absolute. */
  folder: string;
  /** The entry file, relative to it. */
  entry: string;
  /** `notes@1.0.0`, for errors. */
  label: string;
  /** Other folders whose files linked packages may come from, such as the workspace of a monorepo. */
  roots?: readonly string[];
  /** For installed plugins: take packages from the plugin's own node_modules only, so that what its digest covers is all that runs. */
  sealed?: boolean;
  /** For the core's own process: Node's modules are there, and packages are taken as they are for Node. */
  trusted?: boolean;
}

export interface Bundler {
  /** Rejects with `PLUGIN_COMPILE` or `PLUGIN_IMPORT`; calls at the same time share one build. */
  rebuild(): Promise<Bundle>;
  dispose(): Promise<void>;
}

/** Has esbuild's own process started ahead of the first bundle. */
export function warmBundler(): void {
  transform("").catch(() => undefined);
}

/** Bundles once. */
export async function bundlePlugin(options: BundlerOptions): Promise<Bundle> {
  const bundler = createBundler(options);
  try {
    return await bundler.rebuild();
  } finally {
    await bundler.dispose();
  }
}

/** Keeps what esbuild has read between builds, so that the second one takes a few milliseconds. */
export function createBundler(options: BundlerOptions): Bundler {
  let opened: Promise<BuildContext<typeof outputs>> | undefined;
  let building: Promise<Bundle> | undefined;
  const build = async (): Promise<Bundle> => {
    if (!existsSync(join(options.folder, options.entry))) throw entryMissing(options);
    opened ??= context(settings(options));
    try {
      return await bundleOf(await (await opened).rebuild(), options);
    } catch (error) {
      if (isBuildFailure(error)) throw bundleFailure(error, options);
      throw error;
    }
  };
  return {
    rebuild: () => (building ??= build().finally(() => (building = undefined))),
    async dispose() {
      await (await opened?.catch(() => undefined))?.dispose();
      opened = undefined;
    },
  };
}

const outputs = { write: false, metafile: true } as const;

function settings(options: BundlerOptions): BuildOptions & typeof outputs {
  return {
    ...outputs,
    absWorkingDir: options.folder,
    entryPoints: [options.entry],
    outfile: "index.js",
    bundle: true,
    format: "iife",
    globalName: "__xcore_plugin",
    target: "es2024",
    ...(options.trusted === true ? forNode : forIsolates),
    charset: "utf8",
    sourcemap: "external",
    sourcesContent: false,
    legalComments: "none",
    logLevel: "silent",
    // All of them: what can't run is told at once.
    logLimit: 0,
    plugins: [borders({ folder: options.folder })],
  };
}

// Every V8 that runs a plugin has it. Rewritten by esbuild, a `using` inside a loop throws again what an earlier round has caught.
const nativeUsing = { using: true };

const forIsolates = {
  platform: "neutral" as const,
  // What packages offer to service workers and browsers needs no Node.
  conditions: ["worker", "browser", "module"],
  mainFields: ["browser", "module", "main"],
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  supported: nativeUsing,
} satisfies BuildOptions;

const forNode = {
  platform: "node" as const,
  mainFields: ["module", "main"],
  define: { "process.env.NODE_ENV": '"production"' },
  // Then what is imported at run time goes through the `require` that the plugin is given.
  supported: { ...nativeUsing, "dynamic-import": false },
  // No comments: they name files, and a digest is taken of this.
  minifyWhitespace: true,
} satisfies BuildOptions;

async function bundleOf(result: BuildResult<typeof outputs>, options: BundlerOptions): Promise<Bundle> {
  const inputs = Object.keys(result.metafile.inputs);
  const outside = await inputsOutside(inputs, {
    folder: options.folder,
    roots: options.roots ?? [],
    sealed: options.sealed ?? false,
  });
  if (outside.length > 0) throw outsideFailure(outside, options);
  const code = result.outputFiles.find((file) => file.path.endsWith(".js"));
  const sourceMap = result.outputFiles.find((file) => file.path.endsWith(".map"));
  if (code === undefined || sourceMap === undefined) throw new Error("esbuild gave no output");
  return {
    code: code.text,
    sourceMap: sourceMap.text,
    inputs: inputs.filter((path) => !path.startsWith("..") && !path.includes("node_modules/")),
  };
}

function entryMissing(options: BundlerOptions): XcoreError {
  return new XcoreError(
    "PLUGIN_COMPILE",
    `plugin '${options.label}': its entry ${options.entry} does not exist`,
    {
      hint: "Create the file, or name the right one as `entry` in plugin.yaml.",
      details: {
        errors: [{ file: options.entry, line: 0, column: 0, text: "does not exist", lineText: "" }],
      },
    },
  );
}

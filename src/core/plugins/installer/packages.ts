// npm packages a plugin needs: installed in a folder of their own, no script of any of them run, then put beside the plugin's code.
import { spawn } from "node:child_process";
import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError, messageOf, systemCode } from "../../base/error.ts";
import { formatSize } from "../../base/units.ts";
import type { Caps } from "./caps.ts";
import type { LockedPackages } from "../lock-built.ts";
import { invalidPackages, packageFiles } from "./package-files.ts";
import { installedPackages, madeLock } from "./package-list.ts";

export interface PackagesOptions {
  /** The staged plugin; a folder beside it is used meanwhile. */
  folder: string;
  plugin: string;
  /** Its .npmrc, with the registry the installation uses, is in force. */
  workspace: string;
  /** What xcore.lock pins; it holds where the plugin has no lock file of its own. */
  pinned?: LockedPackages | undefined;
  caps: Caps;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  onProgress(message: string): void;
}

const npmFlags = [
  "--ignore-scripts",
  "--omit=dev",
  "--no-audit",
  "--no-fund",
  "--no-bin-links",
  "--no-update-notifier",
  "--legacy-peer-deps",
  "--prefer-offline",
  "--fetch-retries=1",
  "--fetch-retry-mintimeout=500",
  "--fetch-retry-maxtimeout=2000",
  "--loglevel=error",
];

/**
 * What lies beside its code then. Runs npm only when packages are needed and not vendored. A plugin without a lock file of its own gets
 * one: its packages' digests stand in the answer. Throws `PLUGIN_IMPORT`, or `SOURCE_UNREACHABLE` when npm fails.
 */
export async function installPackages(options: PackagesOptions): Promise<LockedPackages> {
  const { folder, plugin, onProgress } = options;
  const files = await packageFiles(folder, plugin, options.pinned);
  if (files === undefined || (await allVendored(folder, files.names))) return installedPackages(folder);
  const { names, lock } = files;
  onProgress(`installing ${names.length === 1 ? `the package ${names[0]}` : `${names.length} packages`}`);
  const place = `${folder}-packages`;
  await mkdir(place);
  await writeFile(join(place, "package.json"), files.packageJson);
  if (lock !== undefined) await writeFile(join(place, "package-lock.json"), lock);
  await copyFile(join(options.workspace, ".npmrc"), join(place, ".npmrc")).catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT") throw error;
  });
  await runNpm(lock === undefined ? ["install", "--package-lock"] : ["ci"], place, options);
  const made = lock === undefined || options.pinned !== undefined ? await madeLock(place) : {};
  const modules = join(place, "node_modules");
  // Optional packages for other systems leave nothing.
  await mkdir(modules, { recursive: true });
  // npm's own notes; they name the registry and would make the digest depend on it.
  await rm(join(modules, ".package-lock.json"), { force: true });
  await checkInstalled(modules, options);
  await rm(join(folder, "node_modules"), { recursive: true, force: true });
  await rename(modules, join(folder, "node_modules"));
  await rm(place, { recursive: true });
  const installed = await installedPackages(folder);
  const all = Object.entries({ ...made, ...installed });
  return Object.fromEntries(all.map(([path, one]) => [path, { ...made[path], ...one }]));
}

async function allVendored(folder: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const info = await stat(join(folder, "node_modules", name, "package.json")).catch(() => undefined);
    if (info?.isFile() !== true) return false;
  }
  return true;
}

async function runNpm(command: readonly string[], place: string, options: PackagesOptions): Promise<void> {
  const { caps, env, signal } = options;
  const kept = Object.entries(env).filter(
    ([name]) => !/^(npm_(?!config_)|node_options$|init_cwd$)/i.test(name),
  );
  const child = spawn("npm", [...command, ...npmFlags], {
    cwd: place,
    env: { ...Object.fromEntries(kept), npm_config_ignore_scripts: "true" },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = `${said}${text}`.slice(-8192);
  });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on("error", reject);
  child.on("close", resolve);
  let late = false;
  const end = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  };
  const timer = setTimeout(() => {
    late = true;
    end();
  }, caps.fetchMs);
  signal.addEventListener("abort", end);
  try {
    if ((await promise) === 0) return;
  } catch (error) {
    throw new XcoreError("PART_MISSING", `npm can't be run: ${messageOf(error)}`, {
      hint: "Install npm, or install the plugin from an archive that holds its node_modules.",
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
  signal.throwIfAborted();
  throw npmFault(said, late, options);
}

function npmFault(said: string, late: boolean, { plugin, caps }: PackagesOptions): XcoreError {
  const lines = said
    .split("\n")
    .filter((line) => /^npm (error|ERR!)/.test(line))
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, ""))
    .filter((line) => line !== "" && !line.startsWith("A complete log"));
  if (lines.some((line) => line.includes("EINTEGRITY"))) {
    return new XcoreError(
      "PLUGIN_IMPORT",
      `plugin '${plugin}': a package is not the one its lock file pins`,
      {
        hint: "Do not install it before its author has explained that.",
        details: { npm: said },
      },
    );
  }
  const reason = late
    ? `npm did not finish within ${Math.round(caps.fetchMs / 1000)} s`
    : lines.slice(0, 4).join("; ") || "npm failed";
  return new XcoreError(
    "SOURCE_UNREACHABLE",
    `the npm packages of plugin '${plugin}' can't be installed: ${reason}`,
    {
      hint: "Check your network and registry (npm config get registry), then try again.",
      details: { npm: said },
    },
  );
}

async function checkInstalled(folder: string, { plugin, caps }: PackagesOptions): Promise<void> {
  let files = 0;
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    if (!entry.isFile()) throw invalidPackages(plugin, `its package file '${entry.name}' is no regular file`);
    files += 1;
    bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  if (files <= caps.files && bytes <= caps.totalBytes) return;
  throw invalidPackages(
    plugin,
    `its npm packages have ${files} files and ${formatSize(bytes)}, which is too much`,
  );
}

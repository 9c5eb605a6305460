// npm packages a plugin needs: installed into the staging folder without running a script of any of them.
import { spawn } from "node:child_process";
import { copyFile, readFile, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError, messageOf, systemCode } from "../../base/error.ts";
import { formatSize } from "../../base/units.ts";
import type { Caps } from "./caps.ts";

export interface PackagesOptions {
  /** The staged plugin. */
  folder: string;
  plugin: string;
  /** Its .npmrc, with the registry the installation uses, is in force. */
  workspace: string;
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
  "--loglevel=error",
];

/** Does nothing when there are no dependencies or all are vendored. Throws `PLUGIN_IMPORT`, or `SOURCE_UNREACHABLE` when npm fails. */
export async function installPackages(options: PackagesOptions): Promise<void> {
  const { folder, plugin, onProgress } = options;
  const wanted = await dependenciesOf(folder, plugin);
  const names = Object.keys(wanted);
  if (names.length === 0 || (await allVendored(folder, names))) return;
  refuseForeign(plugin, wanted);
  const hasLock = await refuseForeignLock(folder, plugin);
  onProgress(`installing ${names.length === 1 ? `the package ${names[0]}` : `${names.length} packages`}`);
  const npmrc = join(folder, ".npmrc");
  await copyFile(join(options.workspace, ".npmrc"), npmrc).catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT") throw error;
  });
  try {
    await runNpm(hasLock ? ["ci", ...npmFlags] : ["install", "--no-package-lock", ...npmFlags], options);
  } finally {
    await rm(npmrc, { force: true });
  }
  // npm's own notes; they name the registry and would make the digest depend on it.
  await rm(join(folder, "node_modules", ".package-lock.json"), { force: true });
  await checkInstalled(join(folder, "node_modules"), options);
}

async function dependenciesOf(folder: string, plugin: string): Promise<Record<string, string>> {
  let text: string;
  try {
    text = await readFile(join(folder, "package.json"), "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return {};
    throw error;
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw invalid(plugin, `its package.json is no JSON: ${messageOf(error)}`);
  }
  const { dependencies = {}, optionalDependencies = {} } = Object(parsed) as Record<
    string,
    Record<string, unknown>
  >;
  const all = { ...dependencies, ...optionalDependencies };
  const [bad] = Object.entries(all).filter(([, range]) => typeof range !== "string");
  if (bad !== undefined) throw invalid(plugin, `its package.json gives no version for '${bad[0]}'`);
  return all as Record<string, string>;
}

async function allVendored(folder: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const info = await stat(join(folder, "node_modules", name, "package.json")).catch(() => undefined);
    if (info?.isFile() !== true) return false;
  }
  return true;
}

// Only what a registry serves: paths would reach into this machine, git and URLs are pinned by nobody.
function refuseForeign(plugin: string, wanted: Readonly<Record<string, string>>): void {
  if (Object.hasOwn(wanted, "xcore")) {
    throw invalid(
      plugin,
      "its package.json lists xcore under dependencies",
      "Its author must move xcore to devDependencies.",
    );
  }
  const foreign = Object.entries(wanted).filter(
    ([name, range]) =>
      !/^(@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/i.test(name) ||
      /[:/\\]/.test(range.replace(/^npm:(@[^/]+\/)?/, "")),
  );
  if (foreign.length === 0) return;
  const shown = foreign.map(([name, range]) => `${name}@${range}`).join(", ");
  throw invalid(plugin, `it needs packages that no registry serves: ${shown}`);
}

async function refuseForeignLock(folder: string, plugin: string): Promise<boolean> {
  for (const name of ["npm-shrinkwrap.json", "package-lock.json"]) {
    const text = await readFile(join(folder, name), "utf8").catch(() => undefined);
    if (text === undefined) continue;
    let packages: Record<string, { resolved?: unknown; link?: unknown; integrity?: unknown }>;
    try {
      packages = Object(Object(JSON.parse(text)).packages);
    } catch (error) {
      throw invalid(plugin, `its ${name} is no JSON: ${messageOf(error)}`);
    }
    const foreign = Object.entries(packages).filter(
      ([path, one]) =>
        path !== "" &&
        (!path.startsWith("node_modules/") ||
          path.split("/").includes("..") ||
          one.link === true ||
          (one.resolved !== undefined && !/^https?:\/\//.test(String(one.resolved)))),
    );
    if (foreign.length > 0) {
      throw invalid(
        plugin,
        `its ${name} names packages that no registry serves: ${foreign.map(([path]) => path).join(", ")}`,
      );
    }
    return true;
  }
  return false;
}

async function runNpm(args: readonly string[], options: PackagesOptions): Promise<void> {
  const { folder, plugin, caps, env, signal } = options;
  const kept = Object.entries(env).filter(
    ([name]) => !/^(npm_(?!config_)|node_options$|init_cwd$)/i.test(name),
  );
  const child = spawn("npm", [...args], {
    cwd: folder,
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
    const code = await promise;
    if (code === 0) return;
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
  const lines = said.split("\n").filter((line) => /^npm (error|ERR!)/.test(line));
  const reason = late
    ? `npm did not finish within ${Math.round(caps.fetchMs / 1000)} s`
    : lines
        .map((line) => line.replace(/^npm (error|ERR!)\s*/, ""))
        .filter((line) => line !== "")
        .slice(0, 4)
        .join("; ");
  throw new XcoreError(
    "SOURCE_UNREACHABLE",
    `the npm packages of plugin '${plugin}' can't be installed: ${reason || "npm failed"}`,
    {
      hint: "Check your network and registry (npm config get registry), then try again.",
      details: { npm: said },
    },
  );
}

async function checkInstalled(folder: string, options: PackagesOptions): Promise<void> {
  let files = 0;
  let bytes = 0;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    if (!entry.isFile()) throw invalid(options.plugin, `its package file '${entry.name}' is no regular file`);
    files += 1;
    bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  const { caps } = options;
  if (files <= caps.files && bytes <= caps.totalBytes) return;
  throw invalid(
    options.plugin,
    `its npm packages have ${files} files and ${formatSize(bytes)}, which is too much`,
  );
}

function invalid(plugin: string, why: string, hint = "Ask its author to correct that."): XcoreError {
  return new XcoreError("PLUGIN_IMPORT", `plugin '${plugin}' can't be installed: ${why}`, { hint });
}

// `xcore new`: a project that runs, from templates/app and templates/plugin. Offline; nothing stays behind when it fails.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { placeFolder } from "./place.ts";
import { assertName, writePlugin } from "./plugin.ts";
import { readTemplate, writeFiles, type Files } from "./template.ts";
import { gitInit, npmInstall } from "./tools.ts";
import { packXcore, readPackageManifest, type PackageManifest } from "./vendor.ts";

export interface NewProjectOptions {
  /** Absolute. */
  folder: string;
  name: string;
  /** The name of the first plugin. */
  plugin: string;
  install: boolean;
  git: boolean;
  signal: AbortSignal;
  /** Told what is being done, for people: `installing packages`. */
  onStep?(step: string): void;
}

export interface NewProject {
  folder: string;
  name: string;
  plugin: string;
  /** Relative to `folder`, without what npm installed. */
  files: string[];
  /** `failed`: the project is there, its packages are not; `installOutput` says why. */
  install: "done" | "skipped" | "failed";
  installOutput: string;
  git: "made" | "already" | "failed" | "skipped";
}

/** Throws `USAGE` for a name that can't be, `FOLDER_NOT_EMPTY`, `PART_MISSING`, or the signal's reason; then nothing was changed. */
export async function newProject(options: NewProjectOptions): Promise<NewProject> {
  const { folder, name, plugin, signal } = options;
  assertName("project", name);
  assertName("plugin", plugin);
  const files: string[] = [];
  let install: NewProject["install"] = "skipped";
  let installOutput = "";
  await placeFolder({
    target: folder,
    ignored: [".git"],
    signal,
    build: async (staging) => {
      options.onStep?.("writing files");
      files.push(...(await writeProject(staging, name, plugin)));
      if (!options.install) return;
      options.onStep?.("installing packages");
      const result = await npmInstall(staging, signal);
      install = result.ok ? "done" : "failed";
      installOutput = result.output;
    },
  });
  const git = options.git ? await gitInit(folder, signal) : "skipped";
  return { folder, name, plugin, files: files.sort(), install, installOutput, git };
}

async function writeProject(staging: string, name: string, plugin: string): Promise<string[]> {
  const manifest = await readPackageManifest();
  const files = await readTemplate("app", { app: name, plugin });
  const tarball = `vendor/xcore-${manifest.version}.tgz`;
  fillPackage(files, manifest, tarball);
  await writeFiles(staging, files);
  await mkdir(join(staging, "vendor"));
  await packXcore(join(staging, tarball), manifest);
  const own = join("plugins", plugin);
  await mkdir(join(staging, own), { recursive: true });
  const pluginFiles = await writePlugin(join(staging, own), plugin);
  return [...files.keys(), tarball, ...pluginFiles.map((path) => join(own, path))];
}

interface ProjectPackage {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  allowScripts?: Readonly<Record<string, boolean>>;
}

/** Versions come from xcore's own package.json: what was tried together stays together. */
function fillPackage(files: Files, xcore: PackageManifest, tarball: string): void {
  const written = JSON.parse(String(files.get("package.json"))) as ProjectPackage;
  const known: Readonly<Record<string, string>> = { ...xcore.devDependencies, ...xcore.dependencies };
  for (const group of [written.dependencies, written.devDependencies]) {
    for (const name of Object.keys(group)) {
      const version = name === "xcore" ? `file:${tarball}` : known[name];
      if (version === undefined)
        throw new Error(`templates/app needs ${name}, which xcore's package.json does not name`);
      group[name] = version;
    }
  }
  const installed = {
    ...xcore.dependencies,
    ...xcore.optionalDependencies,
    ...xcore.peerDependencies,
    ...written.devDependencies,
  };
  written.allowScripts = Object.fromEntries(
    Object.entries(xcore.allowScripts).filter(([name]) => Object.hasOwn(installed, name)),
  );
  files.set("package.json", `${JSON.stringify(written, null, 2)}\n`);
}

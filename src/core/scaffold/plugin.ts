// `xcore plugin new`: a plugin of the project's own, from templates/plugin.
import { join } from "node:path";
import { XcoreError } from "../base/error.ts";
import type { Config } from "../config/config.ts";
import { nameFault, nameRule } from "../config/names.ts";
import { pluginsFolder, readCatalog, type InstalledPlugin } from "../plugins/catalog.ts";
import { pluginTypes } from "../plugins/plugin-types.ts";
import { readManifest } from "../plugins/read-manifest.ts";
import { writeFile } from "node:fs/promises";
import { placeFolder } from "./place.ts";
import { readTemplate, writeFiles } from "./template.ts";

export interface NewPluginOptions {
  config: Config;
  name: string;
  /** What xcore.lock names: a new plugin may not take such a name. */
  installed: readonly InstalledPlugin[];
  signal: AbortSignal;
}

export interface NewPlugin {
  name: string;
  /** Absolute. */
  folder: string;
  /** Relative to `folder`. */
  files: string[];
}

/** Throws `USAGE` for a name that can't be, `PLUGIN_EXISTS`, `FOLDER_NOT_EMPTY`; then nothing was changed. */
export async function newPlugin(options: NewPluginOptions): Promise<NewPlugin> {
  const { config, name, installed, signal } = options;
  assertName("plugin", name);
  const taken = (await readCatalog(config, installed)).find((entry) => entry.name === name);
  if (taken !== undefined) {
    throw new XcoreError("PLUGIN_EXISTS", `this project has a plugin '${name}' already, in ${taken.folder}`, {
      hint: "Choose another name.",
      details: { name, folder: taken.folder },
    });
  }
  const folder = join(pluginsFolder(config.workspace), name);
  let files: string[] = [];
  await placeFolder({
    target: folder,
    signal,
    build: async (staging) => {
      files = await writePlugin(staging, name);
    },
  });
  return { name, folder, files };
}

/** Writes the template into a folder that is there; returns the paths. */
export async function writePlugin(folder: string, name: string): Promise<string[]> {
  const files = await readTemplate("plugin", { plugin: name });
  await writeFiles(folder, files);
  await writeFile(join(folder, "plugin-env.d.ts"), pluginTypes(await readManifest(folder)));
  return [...files.keys(), "plugin-env.d.ts"].sort();
}

export function assertName(what: "project" | "plugin", name: string): void {
  const fault = nameFault(name);
  if (fault === undefined) return;
  throw new XcoreError("USAGE", `the ${what} name '${name}' ${fault}`, {
    hint: `Choose a name of ${nameRule}.`,
    details: { name },
  });
}

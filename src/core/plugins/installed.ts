// Where the plugins lie that xcore.lock names: in the store, or linked, where they are worked on.
import { resolve } from "node:path";
import { XcoreError } from "../base/error.ts";
import type { Config } from "../config/config.ts";
import type { InstalledPlugin } from "./catalog.ts";
import { readLock, storeFolder, type Lock, type LockedLink } from "./lock.ts";

/** A link takes the place of an installed plugin of its name; in production only one that says so. */
export async function installedPlugins(config: Config, known?: Lock): Promise<InstalledPlugin[]> {
  const lock = known ?? (await readLock(config.workspace));
  const { links = {} } = lock;
  const isProduction = config.environment === "production";
  const linked = Object.entries(links).filter(([, link]) => !isProduction || link.production === true);
  const used = new Set(linked.map(([name]) => name));
  const stored = Object.entries(lock.plugins).filter(([name]) => !used.has(name));
  const left = Object.entries(links).filter(([name]) => !used.has(name) && lock.plugins[name] === undefined);
  return [
    ...stored.map(([name, entry]) => ({
      name,
      folder: storeFolder(config.stateFolder, name, entry),
      wentBack: entry.wentBack,
    })),
    ...linked.map(([name, link]) => placeOf(name, link, config)),
    ...left.map(([name, link]) => ({ ...placeOf(name, link, config), error: notInProduction(name, link) })),
  ];
}

/** Absolute folders of those that are linked and loaded. */
export async function linkedFolders(config: Config): Promise<string[]> {
  const plugins = await installedPlugins(config);
  return plugins
    .filter(({ linked, error }) => linked === true && error === undefined)
    .map(({ folder }) => folder);
}

const placeOf = (name: string, { folder }: LockedLink, { workspace }: Config): InstalledPlugin => ({
  name,
  folder: resolve(workspace, folder),
  linked: true,
});

function notInProduction(name: string, { folder }: LockedLink): XcoreError {
  return new XcoreError("FORBIDDEN", `plugin '${name}' is linked to ${folder}, which is for development`, {
    hint: `Install it (xcore plugin add ${folder}), or link it for production, too: xcore plugin link ${folder} --production`,
    details: { plugin: name, folder },
  });
}

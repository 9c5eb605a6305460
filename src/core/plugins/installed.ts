// Where the plugins lie that xcore.lock names.
import type { Config } from "../config/config.ts";
import type { InstalledPlugin } from "./catalog.ts";
import { readLock, storeFolder } from "./lock.ts";

export async function installedPlugins(config: Config): Promise<InstalledPlugin[]> {
  const lock = await readLock(config.workspace);
  return Object.entries(lock.plugins).map(([name, entry]) => ({
    name,
    folder: storeFolder(config.stateFolder, name, entry),
    wentBack: entry.wentBack,
  }));
}

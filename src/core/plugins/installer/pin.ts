// A pinned plugin stays at its revision: updates pass it over.
import { readLock, writeLock } from "../lock.ts";
import { knownPlugins, withInstaller, type InstallerOptions } from "./context.ts";
import { notInstalled } from "./update.ts";

export interface PinOptions extends InstallerOptions {
  name: string;
  pinned: boolean;
}

/** Whether anything changed. Throws `PLUGIN_NOT_FOUND`. */
export async function pinPlugin(
  options: PinOptions,
): Promise<{ name: string; version: string; changed: boolean }> {
  const { config, name } = options;
  return withInstaller(options, `plugin ${options.pinned ? "pin" : "unpin"} ${name}`, async () => {
    const lock = await readLock(config.workspace);
    const entry = lock.plugins[name];
    if (entry === undefined) throw notInstalled(name, await knownPlugins(config, lock));
    const { version, pinned: was, ...rest } = entry;
    if ((was === true) === options.pinned) return { name, version, changed: false };
    const next = { ...rest, version, ...(options.pinned ? ({ pinned: true } as const) : {}) };
    await writeLock(config.workspace, { ...lock, plugins: { ...lock.plugins, [name]: next } });
    return { name, version, changed: true };
  });
}

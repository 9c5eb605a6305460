// Uninstalls a plugin: out of xcore.lock, out of the running server, out of the store; its data as the installation decides.
import { XcoreError } from "../../base/error.ts";
import { suggestion } from "../../base/nearest.ts";
import type { CatalogEntry } from "../catalog.ts";
import { lockBytes, readLock, restoreLock, storeFolder, writeLock } from "../lock.ts";
import type { PluginData } from "./data.ts";
import { knownPlugins, withWorkroom, type InstallerOptions, type Workroom } from "./context.ts";
import { removeFromStore } from "./store.ts";

export interface RemoveOptions extends InstallerOptions {
  name: string;
  /** Opens what keeps the plugins' data; called only when it is needed. */
  openData: () => Promise<PluginData>;
  /** What becomes of its data; a function is asked when there is some. */
  data: "keep" | "drop" | (() => Promise<"keep" | "drop">);
  /** Called before data is dropped, once nothing writes to it any more. When it throws, all is as it was. */
  save?: () => Promise<void>;
}

export interface Removed {
  name: string;
  /** `none`: it had no data. */
  data: "kept" | "dropped" | "none";
  /** False: it had been removed before, and only its data was left. */
  wasInstalled: boolean;
  /** Whether a running server unloaded it. */
  unmounted: boolean;
}

/**
 * Throws `PLUGIN_NOT_FOUND`, `PLUGIN_DEPENDENCY` naming the plugins that need it, `FORBIDDEN` for one of the project's own. With
 * `data: "drop"` it also drops what a plugin that was removed before has left.
 */
export async function removePlugin(options: RemoveOptions): Promise<Removed> {
  const { config, name } = options;
  return withWorkroom(options, async (workroom) => {
    const { entry } = await removable(options);
    const mayHaveData = entry === undefined || entry.approved.database || options.data === "drop";
    await using data = mayHaveData ? await options.openData() : undefined;
    const hasData = (await data?.has(name)) ?? false;
    if (entry === undefined && !hasData) throw notFound(name, await knownPlugins(config));
    const wish = !hasData || typeof options.data === "string" ? options.data : await options.data();
    return workroom.alone(`plugin rm ${name}`, async () => {
      const drops = hasData && wish === "drop";
      const unmounted = await takeOut(options, workroom, drops ? options.save : undefined);
      if (drops) {
        workroom.onProgress("dropping its data");
        await dropData(data, name);
      }
      const left = wish === "drop" ? "dropped" : "kept";
      return { name, data: hasData ? left : "none", wasInstalled: entry !== undefined, unmounted };
    });
  });
}

// Looked at again: others may have changed the project's plugins while somebody was asked.
async function takeOut(
  options: RemoveOptions,
  { notify }: Workroom,
  save = (): Promise<void> => Promise.resolve(),
): Promise<boolean> {
  const { config, name } = options;
  const { lock, entry } = await removable({ ...options, data: "drop" });
  if (entry === undefined) {
    await save();
    return false;
  }
  const { [name]: _, ...plugins } = lock.plugins;
  const before = await lockBytes(config.workspace);
  await writeLock(config.workspace, { ...lock, plugins });
  let unmounted = false;
  try {
    unmounted = (await notify()) !== undefined;
    await save();
  } catch (error) {
    await restoreLock(config.workspace, before);
    if (unmounted) await notify().catch(() => undefined);
    throw error;
  }
  for (const revision of [entry, entry.previous ?? entry])
    await removeFromStore(storeFolder(config.stateFolder, name, revision));
  return unmounted;
}

async function removable({ config, name, data }: RemoveOptions) {
  const lock = await readLock(config.workspace);
  const known = await knownPlugins(config, lock);
  const entry = lock.plugins[name];
  const isOwn = known.some((one) => one.name === name && one.source === "workspace");
  if (isOwn && entry === undefined) throw ownPlugin(name, known);
  if (lock.links?.[name] !== undefined) throw linkedPlugin(name);
  if (entry === undefined && data !== "drop") throw notFound(name, known);
  if (entry !== undefined) refuseNeeded(name, known);
  return { lock, entry };
}

async function dropData(data: PluginData | undefined, name: string): Promise<void> {
  try {
    await data?.drop(name);
  } catch (error) {
    throw new XcoreError("SERVICE_FAILED", `plugin '${name}' is removed, but its data could not be dropped`, {
      hint: `Run it again for the data: xcore plugin rm ${name} --data drop`,
      cause: error,
    });
  }
}

function refuseNeeded(name: string, known: readonly CatalogEntry[]): void {
  const dependants = known.filter((one) => Object.hasOwn(one.manifest?.dependencies ?? {}, name));
  if (dependants.length === 0) return;
  const names = dependants.map((one) => one.name);
  throw new XcoreError(
    "PLUGIN_DEPENDENCY",
    `plugin '${name}' is needed by ${names.map((one) => `'${one}'`).join(", ")}`,
    {
      hint: `Remove ${names.length === 1 ? "that one" : "those"} first.`,
      details: { plugin: name, dependants: names },
    },
  );
}

function ownPlugin(name: string, known: readonly CatalogEntry[]): XcoreError {
  const folder = known.find((one) => one.name === name)?.folder ?? `plugins/${name}`;
  return new XcoreError(
    "FORBIDDEN",
    `plugin '${name}' is the project's own code in ${folder}; it was not installed`,
    {
      hint: `Delete the folder yourself if you no longer want it, or switch it off: plugins.${name}.enabled: false in integration.yaml`,
      details: { plugin: name, folder },
    },
  );
}

function linkedPlugin(name: string): XcoreError {
  return new XcoreError("FORBIDDEN", `plugin '${name}' is linked`, {
    hint: `Take the link away first: xcore plugin unlink ${name}`,
    details: { plugin: name },
  });
}

export function notFound(name: string, known: readonly CatalogEntry[]): XcoreError {
  const text = suggestion(
    name,
    known.map((one) => one.name),
  );
  return new XcoreError("PLUGIN_NOT_FOUND", `there is no plugin '${name}'`, {
    hint: `${text.charAt(0).toUpperCase()}${text.slice(1)}`,
  });
}

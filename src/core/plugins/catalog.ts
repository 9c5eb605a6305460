// All plugins of a project: its own in plugins/, and the installed ones that xcore.lock names. A broken one is an entry with its error.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError, asXcoreError, messageOf, systemCode } from "../base/error.ts";
import type { Config } from "../config/config.ts";
import type { WentBack } from "./lock.ts";
import type { Manifest } from "./manifest.ts";
import { manifestFile, readManifest } from "./read-manifest.ts";

/** `linked`: worked on in place, outside of the project. */
export type PluginSource = "workspace" | "installed" | "linked";

/** Where an installed plugin lies, as xcore.lock has it. */
export interface InstalledPlugin {
  readonly name: string;
  readonly folder: string;
  readonly linked?: true;
  /** Why it is not even looked at. */
  readonly error?: XcoreError;
  /** A revision that failed its first minute here. */
  readonly wentBack?: WentBack | undefined;
}

interface CatalogPlace {
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  readonly source: PluginSource;
  readonly wentBack?: WentBack | undefined;
}

export type CatalogEntry = CatalogPlace &
  (
    | { readonly manifest: Manifest; readonly error?: undefined }
    | { readonly manifest?: undefined; readonly error: XcoreError }
  );

/** Sorted by name; one entry a name. Nothing of a plugin runs, and no broken plugin makes this fail. */
export async function readCatalog(
  config: Config,
  installed: readonly InstalledPlugin[] = [],
): Promise<CatalogEntry[]> {
  const own = await ownFolders(config.workspace);
  const entries = await Promise.all([
    ...own.map(({ name, folder }) => readEntry({ name, folder, source: "workspace" })),
    ...installed.map(({ linked, error, ...one }) => {
      const place: CatalogPlace = { ...one, source: linked === true ? "linked" : "installed" };
      return error === undefined ? readEntry(place) : { ...place, error };
    }),
  ]);
  return withoutDuplicates(entries).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The folder of the project's own plugins. */
export const pluginsFolder = (workspace: string): string => join(workspace, "plugins");

async function ownFolders(workspace: string): Promise<InstalledPlugin[]> {
  const root = pluginsFolder(workspace);
  let names: string[];
  try {
    names = await readdir(root);
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return [];
    throw new XcoreError("CONFIG_INVALID", `the plugins folder ${root} can't be read: ${messageOf(cause)}`, {
      hint: "See that it is a folder and readable.",
      cause,
    });
  }
  const folders = await Promise.all(
    names.map(async (name) => {
      const folder = join(root, name);
      if (name.startsWith(".") || (await stat(folder).catch(() => undefined))?.isDirectory() !== true)
        return [];
      // A folder without a manifest is somebody's half-made or shared code, unless it looks like a misspelt plugin.
      const files = await readdir(folder).catch(() => []);
      return files.some((file) => /^plugin\.(ya?ml|json)$/i.test(file)) ? [{ name, folder }] : [];
    }),
  );
  return folders.flat();
}

async function readEntry(place: CatalogPlace): Promise<CatalogEntry> {
  try {
    const manifest = await readManifest(place.folder);
    if (place.source !== "workspace" && manifest.name !== place.name) {
      throw new XcoreError(
        "LOCK_MISMATCH",
        `xcore.lock says '${place.name}', but ${join(place.folder, manifestFile)} says '${manifest.name}'`,
        { hint: `Run xcore plugin rm ${place.name} and add it again.`, details: { folder: place.folder } },
      );
    }
    return { ...place, name: manifest.name, manifest };
  } catch (error) {
    return { ...place, error: asXcoreError(error) };
  }
}

function withoutDuplicates(entries: readonly CatalogEntry[]): CatalogEntry[] {
  const byName = Map.groupBy(entries, (entry) => entry.name);
  return [...byName].flatMap(([name, same]) => {
    const [first] = same;
    if (first === undefined || same.length === 1) return same;
    const folders = same.map((entry) => entry.folder);
    const error = new XcoreError(
      "PLUGIN_EXISTS",
      `${same.length} plugins are named '${name}': ${folders.join(" and ")}`,
      {
        hint: "Rename one in its plugin.yaml, or remove one of the folders.",
        details: { folders },
      },
    );
    return [{ name, folder: first.folder, source: first.source, error }];
  });
}

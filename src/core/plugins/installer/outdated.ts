// What newer there is of each installed plugin. Changes nothing, fetches no file of a plugin.
import { asXcoreError, errorData, type ErrorData } from "../../base/error.ts";
import { readLock, type LockEntry, type WentBack } from "../lock.ts";
import { knownPlugins, withWorkroom, type InstallerOptions, type Workroom } from "./context.ts";
import { labelOf, newestOf, type Newest } from "./newest.ts";
import { notInstalled } from "./update.ts";

export interface OutdatedOptions extends InstallerOptions {
  /** Empty: all. */
  names: readonly string[];
}

export interface OutdatedEntry {
  name: string;
  version: string;
  /** A tag, a release, or the beginning of a commit. */
  current: string;
  /** Where `plugin update` would lead; null: it is there. */
  wanted: string | null;
  /** The newest there is, where that is yet another one. */
  latest: string | null;
  follows: Newest["follows"];
  pinned: boolean;
  /** A revision that failed its first minute here. */
  wentBack: WentBack | null;
  /** Why it can't be said. */
  fault: ErrorData | null;
}

/** By name, those that are current too. */
export async function outdatedPlugins(options: OutdatedOptions): Promise<OutdatedEntry[]> {
  const { config, names } = options;
  const lock = await readLock(config.workspace);
  for (const name of names) {
    if (lock.plugins[name] === undefined) throw notInstalled(name, await knownPlugins(config, lock));
  }
  const wanted = Object.entries(lock.plugins).filter(([name]) => names.length === 0 || names.includes(name));
  return withWorkroom(options, (workroom) =>
    Promise.all(
      wanted.map(([name, entry]) => outdated(name, entry, { ...workroom, scopes: lock.scopes ?? {} })),
    ),
  );
}

/** Whether an update would change something. */
export const isOutdated = ({ wanted, latest, follows }: OutdatedEntry): boolean =>
  follows !== "folder" && (wanted !== null || latest !== null);

async function outdated(
  name: string,
  entry: LockEntry,
  workroom: Workroom & { scopes: Readonly<Record<string, string>> },
): Promise<OutdatedEntry> {
  const { version, pinned = false, wentBack = null } = entry;
  const known = { name, version, pinned, wentBack };
  try {
    workroom.onProgress(`asking for ${name}`);
    const { current, wanted, latest, follows } = await newestOf(entry, workroom);
    return {
      ...known,
      current,
      wanted: wanted?.label ?? null,
      latest: latest?.label ?? null,
      follows,
      fault: null,
    };
  } catch (error) {
    workroom.signal.throwIfAborted();
    const fault = errorData(asXcoreError(error));
    return {
      ...known,
      current: labelOf(entry.source),
      wanted: null,
      latest: null,
      follows: "nothing",
      fault,
    };
  }
}

// Makes the store match xcore.lock: what is missing or was changed is fetched again, and must hash to what the lock says.
import { XcoreError, asXcoreError, errorData, type ErrorData } from "../../base/error.ts";
import { effectiveLimits } from "../approval.ts";
import { readLock, storeFolder, type LockEntry } from "../lock.ts";
import { withInstaller, type InstallerOptions, type Workroom } from "./context.ts";
import { prepare, type PrepareSteps } from "./prepare.ts";
import { sourceOfLock } from "./source.ts";
import { putIntoStore, sweepStore } from "./store.ts";
import { tryLoading } from "./trial.ts";
import { verifyInstalled } from "./verify.ts";

export interface SyncOptions extends InstallerOptions {
  trial?: PrepareSteps["trial"];
}

export interface SyncReport {
  /** Whole already. */
  kept: string[];
  fetched: string[];
  /** Store folders that no entry names any more. */
  removed: string[];
  failed: ({ name: string } & ErrorData)[];
  /** Whether a running server was told. */
  told: boolean;
}

/** One plugin that can't be had fails alone and is reported; xcore.lock itself is never changed. */
export async function syncPlugins(options: SyncOptions): Promise<SyncReport> {
  const { config } = options;
  return withInstaller(options, "plugin sync", async (workroom) => {
    const lock = await readLock(config.workspace);
    const report: SyncReport = { kept: [], fetched: [], removed: [], failed: [], told: false };
    for (const [name, entry] of Object.entries(lock.plugins)) {
      try {
        const fetched = await restore(name, entry, workroom, options.trial ?? tryLoading);
        (fetched ? report.fetched : report.kept).push(name);
      } catch (error) {
        report.failed.push({ name, ...errorData(asXcoreError(error)) });
      }
    }
    report.removed = await sweepStore(config, lock);
    report.told = (await workroom.notify()) !== undefined;
    return report;
  });
}

async function restore(
  name: string,
  entry: LockEntry,
  workroom: Workroom,
  trial: PrepareSteps["trial"],
): Promise<boolean> {
  const { config, onProgress } = workroom;
  const isWhole = await verifyInstalled(entry, storeFolder(config.stateFolder, name, entry)).then(
    () => true,
    () => false,
  );
  if (isWhole) return false;
  onProgress(`fetching ${name}`);
  const source = await sourceOfLock(entry.source, config.workspace);
  const prepared = await prepare(source, workroom, {
    trial,
    locked: entry,
    accept: async (manifest) => {
      if (manifest.name !== name) throw changed(name, `it is named '${manifest.name}' there`);
      return effectiveLimits(manifest, config);
    },
  });
  if (prepared.listing.integrity !== entry.integrity) {
    throw changed(name, `its files hash to ${prepared.listing.integrity}, expected ${entry.integrity}`);
  }
  await putIntoStore(config, { name, folder: prepared.folder, listing: prepared.listing });
  return true;
}

function changed(name: string, what: string): XcoreError {
  return new XcoreError(
    "LOCK_MISMATCH",
    `the source of plugin '${name}' no longer gives what xcore.lock pins: ${what}`,
    {
      hint: `If you want what is there now: xcore plugin rm ${name} --data keep, then add it again. A plugin with npm packages needs a package-lock.json to stay the same.`,
      details: { plugin: name },
    },
  );
}

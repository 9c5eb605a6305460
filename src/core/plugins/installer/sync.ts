// Makes the store match xcore.lock: what is missing or was changed is fetched again, and must hash to what the lock says.
import { XcoreError, asXcoreError, errorData, type ErrorData } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import { bundlePlugin } from "../../sandbox/bundle.ts";
import { builderName, bundleDigest } from "../../sandbox/bundle-digest.ts";
import { effectiveLimits, effectivePermissions } from "../approval.ts";
import {
  lockBytes,
  lockText,
  readLock,
  storeFolder,
  withEntry,
  writeLock,
  type Lock,
  type LockEntry,
} from "../lock.ts";
import type { Built } from "../lock-built.ts";
import { readManifest } from "../read-manifest.ts";
import { installedSignature } from "../signatures/installed-signature.ts";
import { withInstaller, type InstallerOptions, type Workroom } from "./context.ts";
import { installedPackages } from "./package-list.ts";
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
  /** Those of which xcore.lock now says more, or for another builder: it was written by another xcore. */
  completed: string[];
  /** Store folders that no entry names any more. */
  removed: string[];
  failed: ({ name: string } & ErrorData)[];
  /** Whether a running server was told. */
  told: boolean;
}

/**
 * One plugin that can't be had fails alone and is reported. What xcore.lock pins is never changed; what an older xcore did not write
 * down, or wrote for another builder, is added from the files it pins.
 */
export async function syncPlugins(options: SyncOptions): Promise<SyncReport> {
  const { config } = options;
  return withInstaller(options, "plugin sync", async (workroom) => {
    const lock = await readLock(config.workspace);
    const report: SyncReport = {
      kept: [],
      fetched: [],
      completed: [],
      removed: [],
      failed: [],
      told: false,
    };
    let next = lock;
    for (const [name, entry] of Object.entries(lock.plugins)) {
      try {
        const fetched = await restore(name, entry, workroom, options.trial ?? tryLoading);
        (fetched ? report.fetched : report.kept).push(name);
        if (entry.builder === builderName(config.plugins[name]?.trust !== undefined)) continue;
        next = withEntry(next, name, { ...entry, ...(await madeOf(name, entry, config)) });
        report.completed.push(name);
      } catch (error) {
        report.failed.push({ name, ...errorData(asXcoreError(error)) });
      }
    }
    if (await isOtherwise(config.workspace, next)) await writeLock(config.workspace, next);
    report.removed = await sweepStore(config, lock);
    report.told = (await workroom.notify()) !== undefined;
    return report;
  });
}

// A lock that an older xcore wrote, or somebody's editor.
async function isOtherwise(workspace: string, lock: Lock): Promise<boolean> {
  const text = (await lockBytes(workspace))?.toString("utf8").replaceAll("\r\n", "\n");
  return text !== undefined && text !== lockText(lock);
}

/** What xcore.lock would say of how it was made, had this xcore installed it: of the files it pins, just verified. */
async function madeOf(name: string, entry: LockEntry, config: Config): Promise<Built> {
  const folder = storeFolder(config.stateFolder, name, entry);
  const { text } = await verifyInstalled(entry, folder);
  const manifest = await readManifest(folder);
  const { version, signer } = entry;
  const signature = await installedSignature({ config, name, version, folder, listing: text, signer });
  const label = `${name}@${version}`;
  const trusted = config.plugins[name]?.trust !== undefined;
  const { code } = await bundlePlugin({ folder, entry: manifest.entry, label, sealed: true, trusted });
  return {
    bundle: bundleDigest(code),
    builder: builderName(trusted),
    packages: { ...(await installedPackages(folder)), ...entry.packages },
    ...(signature === undefined ? {} : { signer: signature.publicKey }),
  };
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
      effectivePermissions(manifest, entry.approved, config);
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
      hint: `If you want what is there now: xcore plugin rm ${name} --data keep, then add it again.`,
      details: { plugin: name },
    },
  );
}

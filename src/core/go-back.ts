// Takes a plugin that failed its first minute back to what ran before: its data, xcore.lock, and the running server.
import { XcoreError } from "./base/error.ts";
import type { Config } from "./config/config.ts";
import { schemasOf, readMigrations } from "./plugin-schemas.ts";
import { exclusively } from "./plugins/installer/exclusive.ts";
import { undoAhead } from "./plugins/installer/rollback.ts";
import { verifyInstalled } from "./plugins/installer/verify.ts";
import { readLock, storeFolder, writeLock, type LockEntry } from "./plugins/lock.ts";
import type { DatabaseService } from "./services/database/database.ts";

export interface GoBackOptions {
  config: Config;
  database: DatabaseService;
  plugin: string;
  /** Of the revision that failed; when xcore.lock names another one by now, nothing is done. */
  folder: string;
  reason: XcoreError;
  /** Brings the server in step with xcore.lock. */
  sync(): Promise<unknown>;
}

const waitMs = 60_000;
const longestReason = 500;

/** Throws `PLUGIN_NO_PREVIOUS`, `MIGRATION_AHEAD` when a migration can't be undone, or what keeps xcore.lock from being written. */
export async function goBack(options: GoBackOptions): Promise<void> {
  const { config, plugin, folder, sync } = options;
  const { stateFolder } = config;
  const purpose = `serve, which takes ${plugin} back`;
  await exclusively({ stateFolder, purpose, waitMs, onProgress: () => undefined }, async () => {
    const lock = await readLock(config.workspace);
    const entry = lock.plugins[plugin];
    if (entry === undefined || storeFolder(stateFolder, plugin, entry) !== folder) return;
    const before = await entryBefore(entry, options);
    await writeLock(config.workspace, { ...lock, plugins: { ...lock.plugins, [plugin]: before } });
  });
  await sync();
}

async function entryBefore(entry: LockEntry, options: GoBackOptions): Promise<LockEntry> {
  const { config, database, plugin, folder, reason } = options;
  const { previous, pinned } = entry;
  if (previous === undefined) {
    throw new XcoreError("PLUGIN_NO_PREVIOUS", `plugin '${plugin}' has no revision before ${entry.version}`);
  }
  const there = storeFolder(config.stateFolder, plugin, previous);
  await verifyInstalled(previous, there);
  await undoAhead({
    name: plugin,
    here: folder,
    there,
    entry,
    options: { readMigrations, undoMigrations: true, openSchemas: async () => schemasOf(database) },
    onProgress: () => undefined,
  });
  return {
    ...previous,
    ...(pinned === undefined ? {} : { pinned }),
    wentBack: {
      version: entry.version,
      integrity: entry.integrity,
      reason: reason.message.slice(0, longestReason),
      at: new Date().toISOString(),
    },
  };
}

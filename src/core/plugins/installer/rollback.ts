// Takes a plugin back to the revision before its last update, with its data considered.
import { join } from "node:path";
import { XcoreError } from "../../base/error.ts";
import { effectiveLimits } from "../approval.ts";
import { readLock, storeFolder, type LockEntry, type LockedRevision } from "../lock.ts";
import { readManifest } from "../read-manifest.ts";
import { changedMeanwhile } from "./approve.ts";
import { commit } from "./commit.ts";
import { knownPlugins, withWorkroom, type InstallerOptions, type Workroom } from "./context.ts";
import type { PluginSchemas, ReadMigrations } from "./data.ts";
import { brokenRanges } from "./differences.ts";
import { refuseBroken } from "./judge.ts";
import { prepare } from "./prepare.ts";
import { sourceOfLock } from "./source.ts";
import { putIntoStore } from "./store.ts";
import { tryLoading, type Trial } from "./trial.ts";
import { notInstalled } from "./update.ts";
import { verifyInstalled } from "./verify.ts";

export interface RollbackOptions extends InstallerOptions {
  name: string;
  /** Undo the migrations that the earlier revision does not know. Without it they are a reason to refuse. */
  undoMigrations: boolean;
  /** Go on although plugins that need it no longer get what they need. */
  breakDependants: boolean;
  readMigrations: ReadMigrations;
  openSchemas: () => Promise<PluginSchemas>;
  trial?: Trial;
}

export interface RolledBack {
  name: string;
  from: string;
  to: string;
  /** Migrations that were undone, the latest first. */
  undone: readonly string[];
  mounted: boolean;
}

/** Throws `PLUGIN_NO_PREVIOUS`, `MIGRATION_AHEAD` with the list, `PLUGIN_DEPENDENCY` with names. */
export async function rollbackPlugin(options: RollbackOptions): Promise<RolledBack> {
  const { config, name } = options;
  return withWorkroom(options, async (workroom) => {
    const lock = await readLock(config.workspace);
    const entry = lock.plugins[name];
    if (entry === undefined) throw notInstalled(name, await knownPlugins(config, lock));
    const { previous } = entry;
    if (previous === undefined) throw noPrevious(name, entry);
    await bringBack(name, previous, workroom, options.trial ?? tryLoading);
    return workroom.alone(`plugin rollback ${name}`, () => goBack({ entry, previous, options, workroom }));
  });
}

/** Puts a revision into the store that is no longer there. Throws `LOCK_MISMATCH` when its source gives another one. */
async function bringBack(
  name: string,
  revision: LockedRevision,
  workroom: Workroom,
  trial: Trial,
): Promise<void> {
  const { config } = workroom;
  const isThere = await verifyInstalled(revision, storeFolder(config.stateFolder, name, revision)).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  const source = await sourceOfLock(revision.source, config.workspace);
  const { folder, listing } = await prepare(source, workroom, {
    trial,
    locked: revision,
    accept: async (manifest) => effectiveLimits(manifest, config),
  });
  if (listing.integrity !== revision.integrity) {
    throw new XcoreError(
      "LOCK_MISMATCH",
      `the earlier revision of plugin '${name}' is no longer to be had: its source gives other files`,
      {
        hint: "Nothing was changed.",
        details: { plugin: name, expected: revision.integrity, found: listing.integrity },
      },
    );
  }
  await putIntoStore(config, { name, folder, listing });
}

interface GoBack {
  entry: LockEntry;
  previous: LockedRevision;
  options: RollbackOptions;
  workroom: Workroom;
}

async function goBack({ entry, previous, options, workroom }: GoBack): Promise<RolledBack> {
  const { config, name } = options;
  const lock = await readLock(config.workspace);
  if (JSON.stringify(lock.plugins[name]) !== JSON.stringify(entry)) throw changedMeanwhile(name);
  const [here, there] = [entry, previous].map((one) => storeFolder(config.stateFolder, name, one));
  if (here === undefined || there === undefined) throw new Error("a revision without a folder");
  const manifest = await readManifest(there);
  refuseBroken(name, brokenRanges(manifest, await knownPlugins(config, lock)), {
    ...options,
    done: "rolled back",
  });
  const undone = await undoAhead({ name, here, there, entry, options, onProgress: workroom.onProgress });
  const { pinned } = entry;
  const next = {
    ...lock,
    plugins: { ...lock.plugins, [name]: { ...previous, ...(pinned === undefined ? {} : { pinned }) } },
  };
  const mounted = await commit({
    lock: next,
    name,
    done: "rolled back",
    workroom,
    undo: async () => undefined,
  });
  return { name, from: entry.version, to: previous.version, undone, mounted };
}

interface UndoAhead {
  name: string;
  here: string;
  there: string;
  entry: LockEntry;
  options: Pick<RollbackOptions, "readMigrations" | "openSchemas" | "undoMigrations">;
  onProgress(message: string): void;
}

/** Undoes what is applied and unknown in `there`, by the files in `here`. The latest first. */
export async function undoAhead(ahead: UndoAhead): Promise<string[]> {
  const { name, here, there, entry, options, onProgress } = ahead;
  if (!entry.approved.database) return [];
  await using schemas = await options.openSchemas();
  const known = new Set((await options.readMigrations(await migrationsOf(there))).map((one) => one.name));
  const behind = (await schemas.applied(name)).flatMap(({ owner, names }) => {
    const first = names.findIndex((one) => !known.has(one));
    return first === -1
      ? []
      : [{ owner, ahead: names.slice(first).toReversed(), to: names[first - 1] ?? "0" }];
  });
  if (behind.length === 0) return [];
  const names = [...new Set(behind.flatMap(({ ahead }) => ahead))];
  const files = await options.readMigrations(await migrationsOf(here));
  const final = names.filter((one) => files.find((file) => file.name === one)?.undoable !== true);
  if (final.length > 0 || !options.undoMigrations) throw dataAhead(name, names, final);
  onProgress(`undoing ${names.length === 1 ? names[0] : `${names.length} migrations`}`);
  const migrations = await migrationsOf(here);
  for (const { owner, to } of behind) await schemas.undo(owner, migrations, to);
  return names;
}

async function migrationsOf(folder: string): Promise<string> {
  return join(folder, (await readManifest(folder)).migrations);
}

function dataAhead(name: string, names: readonly string[], final: readonly string[]): XcoreError {
  const shown = names.toReversed().join(", ");
  return new XcoreError(
    "MIGRATION_AHEAD",
    `plugin '${name}' was not rolled back: its schema has migrations that the earlier revision does not know: ${shown}`,
    {
      hint:
        final.length > 0
          ? `${final.join(", ")} can't be undone. Restore a dump of its data, or wait for a newer revision.`
          : "To undo them, with whatever they hold: --undo-migrations. Make a dump first: xcore db dump",
      details: { plugin: name, migrations: names, final },
    },
  );
}

function noPrevious(name: string, { version }: LockEntry): XcoreError {
  return new XcoreError("PLUGIN_NO_PREVIOUS", `plugin '${name}' has no revision before ${version}`, {
    hint: "Only the last update can be taken back.",
    details: { plugin: name },
  });
}

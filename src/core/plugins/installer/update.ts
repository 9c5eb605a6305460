// Moves installed plugins to what is newer where they came from: all or nothing, and nothing that was not agreed to.
import { join } from "node:path";
import { XcoreError, asXcoreError, errorData, type ErrorData } from "../../base/error.ts";
import { readLock, withEntry, type LockEntry, type LockedRevision } from "../lock.ts";
import { checkNeeds } from "./add.ts";
import type { CatalogEntry } from "../catalog.ts";
import { changedMeanwhile } from "./approve.ts";
import { commit } from "./commit.ts";
import type { Consent } from "./consent.ts";
import { knownPlugins, withWorkroom, type InstallerOptions, type Workroom } from "./context.ts";
import type { PluginSchemas, ReadMigrations } from "./data.ts";
import {
  brokenActions,
  brokenRanges,
  mergedBreakages,
  type Breakage,
  type PermissionChanges,
} from "./differences.ts";
import { examine, type Examined, type Findings } from "./examine.ts";
import type { Commit } from "./git-history.ts";
import { judge, refuseBroken, wentBackBefore } from "./judge.ts";
import { candidateFor, newestOf, type Candidate } from "./newest.ts";
import { originOf } from "./origin.ts";
import { revisionOf } from "./prepare.ts";
import { notFound } from "./remove.ts";
import { revertTo } from "./schema-steps.ts";
import { putIntoStore, sweepStore } from "./store.ts";
import { tryLoading, type Trial } from "./trial.ts";

export interface UpdateOptions extends InstallerOptions {
  /** Empty: every installed plugin that is not pinned. */
  names: readonly string[];
  /** For one name: the branch, tag, commit, version, range or place it is to come from. Default: what it follows. */
  to?: string;
  /** Asked only about what is asked for beyond what was approved. */
  consent: Consent;
  /** Go on although plugins that need it no longer get what they need. */
  breakDependants: boolean;
  readMigrations: ReadMigrations;
  /** What was applied to the schemas; undefined where no server runs, so that none changes. */
  openSchemas?: () => Promise<PluginSchemas | undefined>;
  trial?: Trial;
}

export interface Updated {
  name: string;
  from: string;
  to: string;
  origin: string;
  /** Whether a running server has it mounted. */
  mounted: boolean;
  commits: readonly Commit[];
  permissions: PermissionChanges;
  /** Migrations that are new in it. */
  migrations: readonly string[];
  /** New migrations that can't be undone: no way back by itself. */
  final: readonly string[];
  broken: readonly Breakage[];
}

export interface UpdateReport {
  updated: Updated[];
  /** Nothing newer. */
  current: string[];
  pinned: string[];
  failed: ({ name: string } & ErrorData)[];
}

/** One that can't be updated fails alone and is reported. */
export async function updatePlugins(options: UpdateOptions): Promise<UpdateReport> {
  const { config, names } = options;
  const lock = await readLock(config.workspace);
  const known = await knownPlugins(config, lock);
  for (const name of names) if (lock.plugins[name] === undefined) throw notInstalled(name, known);
  const report: UpdateReport = { updated: [], current: [], pinned: [], failed: [] };
  for (const name of names.length > 0 ? names : Object.keys(lock.plugins)) {
    if (lock.plugins[name]?.pinned === true) {
      report.pinned.push(name);
      continue;
    }
    try {
      const updated = await withWorkroom(options, (workroom) => updateOne(name, options, workroom));
      if (updated === "current") report.current.push(name);
      else report.updated.push(updated);
    } catch (error) {
      options.signal?.throwIfAborted();
      report.failed.push({ name, ...errorData(asXcoreError(error)) });
    }
  }
  return report;
}

async function updateOne(
  name: string,
  options: UpdateOptions,
  workroom: Workroom,
): Promise<Updated | "current"> {
  const { config, to, trial = tryLoading } = options;
  const lock = await readLock(config.workspace);
  const entry = lock.plugins[name];
  if (entry === undefined) throw changedMeanwhile(name);
  const candidate = await wantedOf(entry, to, { ...workroom, scopes: lock.scopes ?? {} });
  if (candidate === undefined) return "current";
  const known = await knownPlugins(config, lock);
  let findings: Findings | undefined;
  const examined = await examine({
    name,
    entry,
    candidate,
    known,
    workroom,
    trial,
    readMigrations: options.readMigrations,
    judge: async (found, staged) => {
      findings = found;
      await judge(found, staged, { name, entry, options, known });
    },
  });
  const { prepared } = examined;
  if (findings === undefined) throw new Error("a candidate was examined without a judge");
  const revision = revisionOf(prepared);
  if (isSame(revision, entry)) return "current";
  if (to === undefined && entry.wentBack?.integrity === revision.integrity) throw wentBackBefore(name, entry);
  const found = findings;
  return workroom.alone(`plugin update ${name}`, () =>
    putInPlace({ entry, found, examined, options, workroom }),
  );
}

async function wantedOf(
  entry: LockEntry,
  to: string | undefined,
  workroom: Parameters<typeof newestOf>[1],
): Promise<Candidate | undefined> {
  if (to !== undefined) return candidateFor(entry, to, workroom.config.workspace);
  return (await newestOf(entry, workroom)).wanted;
}

const isSame = (revision: LockedRevision, entry: LockEntry): boolean =>
  revision.integrity === entry.integrity && JSON.stringify(revision.source) === JSON.stringify(entry.source);

interface PutInPlace {
  entry: LockEntry;
  found: Findings;
  examined: Examined;
  options: UpdateOptions;
  workroom: Workroom;
}

// Others may have changed the project's plugins while it was fetched and somebody was asked.
async function putInPlace({
  entry,
  found,
  examined,
  options,
  workroom,
}: PutInPlace): Promise<Updated | "current"> {
  const { config, openSchemas } = options;
  const { prepared, before, after } = examined;
  const { name } = prepared.manifest;
  const lock = await readLock(config.workspace);
  const now = lock.plugins[name];
  if (now !== undefined && isSame(revisionOf(prepared), now)) return "current";
  if (now === undefined || JSON.stringify(now) !== JSON.stringify(entry)) throw changedMeanwhile(name);
  const known = await knownPlugins(config, lock);
  checkNeeds(prepared.manifest, known);
  const broken = mergedBreakages([
    ...brokenRanges(prepared.manifest, known),
    ...brokenActions(before, after, known),
  ]);
  refuseBroken(name, broken, { ...options, done: "updated" });
  const { folder, listing } = prepared;
  const stored = await putIntoStore(config, { name, folder, listing });
  await using schemas = prepared.manifest.permissions.database ? await openSchemas?.() : undefined;
  const migrations = join(stored.folder, prepared.manifest.migrations);
  const revert = await revertTo(name, migrations, schemas);
  const previous = listing.integrity === entry.integrity ? entry.previous : bareRevision(entry);
  const next = withEntry(lock, name, {
    ...revisionOf(prepared),
    ...(entry.pinned === undefined ? {} : { pinned: entry.pinned }),
    ...(previous === undefined ? {} : { previous }),
  });
  const mounted = await commit({
    lock: next,
    name,
    done: "updated",
    workroom,
    undo: stored.undo,
    // A server that only checks would refuse what its schemas have not got.
    migrate: config.migrations.mode === "check" ? async () => schemas?.apply(name, migrations) : undefined,
    revert,
  });
  await sweepStore(config, next).catch(() => undefined);
  return {
    name,
    from: entry.version,
    to: prepared.manifest.version,
    origin: originOf(prepared.source),
    mounted,
    commits: found.history?.commits ?? [],
    permissions: found.permissions,
    migrations: found.migrations.added.map((one) => one.name),
    final: found.migrations.added.filter((one) => !one.undoable).map((one) => one.name),
    broken,
  };
}

/** Of an entry, what a rollback leads to. */
export function bareRevision(entry: LockEntry): LockedRevision {
  const { pinned: _pinned, previous: _previous, wentBack: _wentBack, ...revision } = entry;
  return revision;
}

/** A name that stands for nothing that was installed. */
export function notInstalled(name: string, known: readonly CatalogEntry[]): XcoreError {
  const entry = known.find((one) => one.name === name);
  if (entry === undefined) return notFound(name, known);
  return new XcoreError("USAGE", `plugin '${name}' was not installed: it is in ${entry.folder}`, {
    hint: "Its files are yours: change them where they are.",
  });
}

// A revision that could follow the installed one, looked at from all sides before anything is changed.
import { bundlePlugin } from "../../sandbox/bundle.ts";
import { effectiveLimits } from "../approval.ts";
import type { CatalogEntry } from "../catalog.ts";
import { readLock, storeFolder, type LockEntry, type LockedSource } from "../lock.ts";
import type { Manifest } from "../manifest.ts";
import { readManifest } from "../read-manifest.ts";
import type { Workroom } from "./context.ts";
import type { ReadMigrations } from "./data.ts";
import {
  brokenRanges,
  callersOf,
  changedFiles,
  changedMigrations,
  changedPermissions,
  type Breakage,
  type MigrationChanges,
  type PermissionChanges,
  type Side,
} from "./differences.ts";
import { historyBetween, type History } from "./git-history.ts";
import type { Candidate } from "./newest.ts";
import { prepare, type Prepared, type StagedPlugin } from "./prepare.ts";
import { sourceOfLock } from "./source.ts";
import type { Trial } from "./trial.ts";
import { verifyInstalled } from "./verify.ts";

export interface Findings {
  readonly manifest: Manifest;
  readonly source: LockedSource;
  /** Undefined where there is none: an archive, a folder, an npm package. */
  readonly history: History | undefined;
  readonly files: readonly string[];
  readonly permissions: PermissionChanges;
  readonly migrations: MigrationChanges;
  /** Plugins whose range of versions it leaves. */
  readonly ranges: readonly Breakage[];
}

export interface ExamineOptions {
  name: string;
  entry: LockEntry;
  candidate: Candidate;
  known: readonly CatalogEntry[];
  workroom: Workroom;
  readMigrations: ReadMigrations;
  trial: Trial;
  /** Is told what was found before packages are fetched and anything is run; throws to stop. */
  judge(findings: Findings, staged: StagedPlugin): Promise<void>;
}

export interface Examined {
  readonly prepared: Prepared;
  readonly before: Side;
  readonly after: Side;
}

/** Throws whatever keeps the candidate from being fetched and tried; `judge` decides about the rest. */
export async function examine(options: ExamineOptions): Promise<Examined> {
  const { name, entry, candidate, workroom, known } = options;
  const { config } = workroom;
  const folder = storeFolder(config.stateFolder, name, entry);
  await verifyInstalled(entry, folder);
  const before: Side = { folder, manifest: await readManifest(folder) };
  const prepared = await prepare(candidate.source, workroom, {
    trial: options.trial,
    accept: async (manifest, source, staged) => {
      const after: Side = { folder: staged.folder, manifest };
      const findings: Findings = {
        manifest,
        source,
        history: await historyOf(entry.source, source, workroom),
        files: await changedFiles(before, after),
        permissions: changedPermissions(entry.approved, manifest),
        migrations: await changedMigrations(before, after, options.readMigrations),
        ranges: brokenRanges(manifest, known),
      };
      await options.judge(findings, staged);
      return effectiveLimits(manifest, config);
    },
  });
  const isCalled = callersOf(name, known).length > 0;
  const actions = isCalled ? await actionsOf(before, options) : undefined;
  return {
    prepared,
    before: { ...before, actions },
    after: { folder: prepared.folder, manifest: prepared.manifest, actions: prepared.actions },
  };
}

async function historyOf(
  from: LockedSource,
  to: LockedSource,
  workroom: Workroom,
): Promise<History | undefined> {
  if (from.type !== "git" || to.type !== "git") return undefined;
  const source = await sourceOfLock(to, workroom.config.workspace);
  if (source.type !== "git") return undefined;
  const { caps, env, signal, onProgress } = workroom;
  const folder = await workroom.room();
  return historyBetween(
    { folder, source, caps, env, signal, onProgress },
    { from: from.commit, to: to.commit },
  );
}

// What ran until now may not even load here; then nobody can say what its callers lose.
async function actionsOf({ folder, manifest }: Side, { trial, workroom }: ExamineOptions) {
  try {
    const label = `${manifest.name}@${manifest.version}`;
    const bundle = await bundlePlugin({ folder, entry: manifest.entry, label, sealed: true });
    const limits = effectiveLimits(manifest, workroom.config);
    return (await trial({ folder, manifest, limits, bundle }))?.actions;
  } catch {
    return undefined;
  }
}

/** The lock's entry of a plugin; `undefined` when it is none that was installed. */
export async function installedEntry(name: string, workspace: string): Promise<LockEntry | undefined> {
  return (await readLock(workspace)).plugins[name];
}

// What an update would bring: commits, files, permissions, migrations, and what breaks for others. Changes nothing.
import { XcoreError, asXcoreError, errorData, type ErrorData } from "../../base/error.ts";
import { readLock } from "../lock.ts";
import { knownPlugins, withWorkroom, type InstallerOptions } from "./context.ts";
import type { ReadMigrations } from "./data.ts";
import {
  brokenActions,
  mergedBreakages,
  type Breakage,
  type MigrationChanges,
  type PermissionChanges,
} from "./differences.ts";
import { examine, type Findings } from "./examine.ts";
import type { Commit } from "./git-history.ts";
import { candidateFor, newestOf } from "./newest.ts";
import { originOf } from "./origin.ts";
import { tryLoading, type Trial } from "./trial.ts";
import { notInstalled } from "./update.ts";

export interface DiffOptions extends InstallerOptions {
  name: string;
  /** Default: what `plugin update` would take, else the newest there is. */
  to?: string;
  readMigrations: ReadMigrations;
  trial?: Trial;
}

export interface PluginDiff {
  name: string;
  from: string;
  to: string;
  origin: string;
  /** Whether what is installed is an ancestor; null where there is no history to see. */
  descends: boolean | null;
  commits: readonly Commit[];
  /** `changed src/index.ts`, `added …`, `missing …` */
  files: readonly string[];
  permissions: PermissionChanges;
  migrations: MigrationChanges;
  broken: readonly Breakage[];
  /** Why it would not be installed at all. */
  fault: ErrorData | null;
}

/** Undefined: there is nothing newer. */
export async function diffPlugin(options: DiffOptions): Promise<PluginDiff | undefined> {
  const { config, name, to, trial = tryLoading } = options;
  return withWorkroom(options, async (workroom) => {
    const lock = await readLock(config.workspace);
    const known = await knownPlugins(config, lock);
    const entry = lock.plugins[name];
    if (entry === undefined) throw notInstalled(name, known);
    const newest =
      to === undefined ? await newestOf(entry, { ...workroom, scopes: lock.scopes ?? {} }) : undefined;
    const candidate =
      to === undefined ? (newest?.wanted ?? newest?.latest) : await candidateFor(entry, to, config.workspace);
    if (candidate === undefined) return undefined;
    const seen: { findings?: Findings } = {};
    const judge = async (findings: Findings): Promise<void> => {
      seen.findings = findings;
    };
    const { readMigrations } = options;
    const examined = await examine({
      name,
      entry,
      candidate,
      known,
      workroom,
      readMigrations,
      trial,
      judge,
    }).catch((error: unknown) => asXcoreError(error));
    workroom.signal.throwIfAborted();
    const { findings } = seen;
    if (findings === undefined) throw examined;
    const failed = examined instanceof XcoreError;
    if (!failed && to === undefined && examined.prepared.listing.integrity === entry.integrity)
      return undefined;
    const actions = failed ? [] : brokenActions(examined.before, examined.after, known);
    return {
      name,
      from: entry.version,
      to: findings.manifest.version,
      origin: originOf(findings.source),
      descends: findings.history?.descends ?? null,
      commits: findings.history?.commits ?? [],
      files: findings.files,
      permissions: findings.permissions,
      migrations: findings.migrations,
      broken: mergedBreakages([...findings.ranges, ...actions]),
      fault: failed ? errorData(examined) : null,
    };
  });
}

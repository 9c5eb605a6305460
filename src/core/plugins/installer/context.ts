// What all changes of the installed plugins share: one at a time, a staging room that is swept, and how a running server hears of it.
import { XcoreError, systemCode } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import { readCatalog, type CatalogEntry } from "../catalog.ts";
import { installedPlugins } from "../installed.ts";
import type { Lock } from "../lock.ts";
import { defaultCaps, type Caps } from "./caps.ts";
import { exclusively } from "./exclusive.ts";
import { openStaging } from "./staging.ts";

/** What a running server did when it was told; as the operation `plugin.sync` answers. */
export interface ServerOutcome {
  failed: readonly { name: string; code: string; message: string }[];
}

export interface InstallerOptions {
  config: Config;
  /** Phases, for people; may come often. */
  onProgress?: (message: string) => void;
  /** Tells a running server to bring itself in step with xcore.lock. Undefined: none is running. */
  notify?: () => Promise<ServerOutcome | undefined>;
  /** How long to wait for another process that changes plugins. Default 60 s. */
  waitMs?: number;
  caps?: Partial<Caps>;
  /** Environment of git and npm. Default: the process's. */
  env?: NodeJS.ProcessEnv;
  /** Stops the work before it has changed anything; from the commit on it is finished. */
  signal?: AbortSignal;
}

export interface Workroom {
  readonly config: Config;
  readonly caps: Caps;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly onProgress: (message: string) => void;
  readonly notify: () => Promise<ServerOutcome | undefined>;
  /** A new empty folder on the store's file system; removed when the work ends. */
  room(): Promise<string>;
  /** Runs `work` with the project's plugins to itself; others are told that it is for `purpose`. Not while somebody is asked. */
  alone<T>(purpose: string, work: () => Promise<T>): Promise<T>;
}

/** Gives `work` its rooms; nothing is locked, so that somebody may be asked meanwhile. */
export async function withWorkroom<T>(
  options: InstallerOptions,
  work: (workroom: Workroom) => Promise<T>,
): Promise<T> {
  const { stateFolder } = options.config;
  try {
    return await withStaging(options, work);
  } catch (error) {
    throw isFull(error) ? diskFull(stateFolder, error) : error;
  }
}

async function withStaging<T>(
  options: InstallerOptions,
  work: (workroom: Workroom) => Promise<T>,
): Promise<T> {
  const { config, onProgress = () => undefined, notify = noServer, waitMs = 60_000 } = options;
  const { stateFolder } = config;
  await using staging = await openStaging(stateFolder);
  return await work({
    config,
    caps: { ...defaultCaps, ...options.caps },
    env: options.env ?? process.env,
    signal: options.signal ?? new AbortController().signal,
    onProgress,
    notify,
    room: () => staging.room(),
    alone: (purpose, alone) => exclusively({ stateFolder, purpose, waitMs, onProgress }, alone),
  });
}

/** The same, with the project's plugins to itself from beginning to end. */
export function withInstaller<T>(
  options: InstallerOptions,
  purpose: string,
  work: (workroom: Workroom) => Promise<T>,
): Promise<T> {
  return withWorkroom(options, (workroom) => workroom.alone(purpose, () => work(workroom)));
}

const full = /^(ENOSPC|EDQUOT|EFBIG)$/;

/** Whoever met it first may have wrapped it: git and archives do. */
function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    full.test(systemCode(error) ?? "") ||
    /No space left on device|Disk quota exceeded|File too large/i.test(error.message) ||
    isFull(error.cause)
  );
}

function diskFull(stateFolder: string, cause: unknown): XcoreError {
  return new XcoreError("DISK_FULL", `there is no room left on the disk of ${stateFolder}`, {
    hint: "Nothing was changed. Make room there, then try again.",
    cause,
  });
}

const noServer = async (): Promise<undefined> => undefined;

/** Every plugin of the project, its own and the installed ones. */
export async function knownPlugins(config: Config, lock?: Lock): Promise<CatalogEntry[]> {
  return readCatalog(config, await installedPlugins(config, lock));
}

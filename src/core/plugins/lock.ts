// xcore.lock: which plugins are installed. It is the single commit point: a plugin is installed when, and only when, it stands here.
import { createHash } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { XcoreError, systemCode } from "../base/error.ts";
import type { Permissions } from "../config/config.ts";
import { faultsError, type Fault } from "../config/faults.ts";
import { deepFreeze } from "../config/freeze.ts";
import { permissionsOf } from "../config/permissions.ts";
import { compileSchema, valid, validateDocument } from "../config/validate.ts";
import { parseYaml, type YamlDocument } from "../config/yaml-document.ts";
import { readYamlSource, type YamlSource } from "../config/yaml-source.ts";
import { lockSchema, type LockYaml, type SourceYaml } from "./lock-schema.ts";

export type LockedSource =
  | {
      readonly type: "git";
      readonly url: string;
      /** As it was asked for; undefined for the repository's own default branch. */
      readonly ref: string | undefined;
      readonly subfolder: string | undefined;
      /** Full id, 40 or 64 hexadecimal digits. */
      readonly commit: string;
      /** Id of the tree that was installed: the subfolder's, or the commit's. */
      readonly tree: string;
    }
  | { readonly type: "tarball"; readonly url: string; readonly subfolder: string | undefined }
  | { readonly type: "folder"; readonly path: string };

export interface LockEntry {
  readonly version: string;
  readonly source: LockedSource;
  /** `sha256-` and 64 hexadecimal digits: over paths, modes and contents of all installed files. */
  readonly integrity: string;
  readonly approved: Permissions;
}

export interface Lock {
  readonly plugins: Readonly<Record<string, LockEntry>>;
}

export const lockFile = "xcore.lock";
export const emptyLock: Lock = { plugins: {} };

const largestFile = 2 * 1024 * 1024;
const heading =
  "# Written by xcore plugin add, rm and approve. Commit it: it says what is installed and may run.\n";

export const lockPath = (workspace: string): string => join(workspace, lockFile);

/** Where an installed plugin lies: named by its content, so that a revision never changes under its reader. */
export function storeFolder(stateFolder: string, name: string, entry: Pick<LockEntry, "integrity">): string {
  return join(stateFolder, "store", `${name}-${digest12(entry.integrity)}`);
}

const digest12 = (integrity: string): string => integrity.slice("sha256-".length).slice(0, 12);

/** The lock of a project; empty when there is no file. Throws `LOCK_INVALID` with line and column of every fault. */
export async function readLock(workspace: string): Promise<Lock> {
  const file = lockPath(workspace);
  const missing = new XcoreError("LOCK_INVALID", "missing");
  let source: YamlSource;
  try {
    source = await readYamlSource(file, {
      code: "LOCK_INVALID",
      maxBytes: largestFile,
      missing: () => missing,
    });
  } catch (error) {
    if (error === missing) return emptyLock;
    throw error;
  }
  return parseLock(source);
}

export function parseLock(source: YamlSource): Lock {
  const { document, faults } = parseYaml(source);
  if (document.value === null && faults.length === 0) return emptyLock;
  if (faults.length === 0) faults.push(...validateDocument(compileSchema(lockSchema), document));
  if (faults.length > 0) throw lockFault(source, faults);
  const { plugins = {} } = valid<LockYaml>(document.value);
  const semantic: Fault[] = [];
  const compiled = Object.entries(plugins).map(([name, entry]) => {
    const from = sourceOf(entry.source);
    if (from === undefined) semantic.push(sourceFault(document, name));
    return [name, { ...entry, source: from, approved: permissionsOf(entry.approved) }];
  });
  if (semantic.length > 0) throw lockFault(source, semantic);
  return deepFreeze({ plugins: Object.fromEntries(compiled) as Record<string, LockEntry> });
}

/** Written beside, flushed and renamed into place: a reader, and whoever comes after a crash, sees the old file or the new one. */
export async function writeLock(workspace: string, lock: Lock): Promise<void> {
  const file = lockPath(workspace);
  if (Object.keys(lock.plugins).length === 0) {
    await rm(file, { force: true });
    return;
  }
  await replaceFile(file, lockText(lock));
}

/** The file's text: plugins by name, only what is granted is written. */
export function lockText(lock: Lock): string {
  const plugins = Object.keys(lock.plugins)
    .sort()
    .map((name) => [name, entryYaml(lock.plugins[name] as LockEntry)]);
  return heading + stringify({ version: 1, plugins: Object.fromEntries(plugins) }, { lineWidth: 0 });
}

/** Bytes of the lock file as they stand, for putting them back; undefined when there is none. */
export async function lockBytes(workspace: string): Promise<Buffer | undefined> {
  try {
    return await readFile(lockPath(workspace));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

export async function restoreLock(workspace: string, bytes: Buffer | undefined): Promise<void> {
  if (bytes === undefined) await rm(lockPath(workspace), { force: true });
  else await replaceFile(lockPath(workspace), bytes);
}

async function replaceFile(file: string, content: string | Buffer): Promise<void> {
  const suffix = createHash("sha256").update(content).digest("hex").slice(0, 8);
  const temporary = `${file}.${suffix}.tmp`;
  try {
    await using handle = await open(temporary, "w", 0o644);
    await handle.writeFile(content);
    await handle.sync();
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}

/** Makes renames within the folder outlive a loss of power. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync().catch(() => undefined);
}

function sourceOf(yaml: SourceYaml): LockedSource | undefined {
  const { git, tarball, folder, ref, subfolder, commit, tree } = yaml;
  const kinds = [git, tarball, folder].filter((one) => one !== undefined);
  if (kinds.length !== 1) return undefined;
  if (git !== undefined) {
    if (commit === undefined || tree === undefined) return undefined;
    return { type: "git", url: git, ref, subfolder, commit, tree };
  }
  if (commit !== undefined || tree !== undefined || ref !== undefined) return undefined;
  if (tarball !== undefined) return { type: "tarball", url: tarball, subfolder };
  if (folder === undefined || subfolder !== undefined) return undefined;
  return { type: "folder", path: folder };
}

function sourceYaml(source: LockedSource): SourceYaml {
  switch (source.type) {
    case "git":
      return {
        git: source.url,
        ...(source.ref === undefined ? {} : { ref: source.ref }),
        ...(source.subfolder === undefined ? {} : { subfolder: source.subfolder }),
        commit: source.commit,
        tree: source.tree,
      };
    case "tarball":
      return {
        tarball: source.url,
        ...(source.subfolder === undefined ? {} : { subfolder: source.subfolder }),
      };
    case "folder":
      return { folder: source.path };
  }
}

function entryYaml(entry: LockEntry): object {
  const { events, ...rest } = entry.approved;
  const granted = Object.entries(rest).filter(([, value]) => asked(value));
  const eventLists = Object.entries(events).filter(([, value]) => asked(value));
  return {
    version: entry.version,
    source: sourceYaml(entry.source),
    integrity: entry.integrity,
    approved: Object.fromEntries([
      ...granted,
      ...(eventLists.length === 0 ? [] : [["events", Object.fromEntries(eventLists)]]),
    ]),
  };
}

const asked = (value: boolean | readonly string[]): boolean =>
  typeof value === "boolean" ? value : value.length > 0;

function sourceFault(document: YamlDocument, name: string): Fault {
  const path = ["plugins", name, "source"];
  return {
    path,
    span: document.span(path, "key"),
    message: "expected git with commit and tree, or tarball, or folder, and no other kind's keys beside it",
  };
}

function lockFault(source: YamlSource, faults: readonly Fault[]): XcoreError {
  const error = faultsError("LOCK_INVALID", source, faults);
  return new XcoreError("LOCK_INVALID", error.message, {
    hint: source.text.includes("<<<<<<<")
      ? "It holds the marks of a merge conflict: resolve them, then run xcore plugin sync."
      : "Put it back as it was committed (git checkout xcore.lock), then run xcore plugin sync.",
    details: error.details,
  });
}

// xcore.lock: which plugins are installed. It is the single commit point: a plugin is installed when, and only when, it stands here.
import { createHash } from "node:crypto";
import { open, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import semver from "semver";
import { stringify } from "yaml";
import { XcoreError, systemCode } from "../base/error.ts";
import { faultsError, type Fault } from "../config/faults.ts";
import { deepFreeze } from "../config/freeze.ts";
import { compileSchema, valid, validateDocument } from "../config/validate.ts";
import { parseYaml, type YamlDocument } from "../config/yaml-document.ts";
import { readYamlSource, type YamlSource } from "../config/yaml-source.ts";
import { lockSchema, type LockYaml } from "./lock-schema.ts";
import { entryOf, isEmpty, lockYaml } from "./lock-yaml.ts";
import type { Lock, LockEntry } from "./locked.ts";
import { replaceFile } from "./replace-file.ts";

export type { Lock, LockEntry, LockedLink, LockedRevision, LockedSource, WentBack } from "./locked.ts";

export const lockFile = "xcore.lock";
export const emptyLock: Lock = { plugins: {} };

const largestFile = 2 * 1024 * 1024;
const heading = "# Written by xcore plugin … . Commit it: it says what is installed and may run.\n";

export const lockPath = (workspace: string): string => join(workspace, lockFile);

/** Where an installed plugin lies: named by its content, so that a revision never changes under its reader. */
export function storeFolder(stateFolder: string, name: string, entry: Pick<LockEntry, "integrity">): string {
  return join(stateFolder, "store", `${name}-${digest12(entry.integrity)}`);
}

const digest12 = (integrity: string): string => integrity.slice("sha256-".length).slice(0, 12);

/** The lock with a plugin installed; the registry of a scope is pinned with its first package, a signer with its newest version. */
export function withEntry(lock: Lock, name: string, entry: LockEntry): Lock {
  const { source, signer, version } = entry;
  const scope = source.type === "npm" ? /^(@[^/]+)\//.exec(source.name)?.[1] : undefined;
  const before = lock.seen?.[name];
  const isNewer = before === undefined || semver.gte(version, before.version);
  return {
    ...lock,
    plugins: { ...lock.plugins, [name]: entry },
    ...(source.type !== "npm" || scope === undefined
      ? {}
      : { scopes: { [scope]: source.registry, ...lock.scopes } }),
    ...(signer === undefined || !isNewer ? {} : { seen: { ...lock.seen, [name]: { version, signer } } }),
  };
}

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
  if (/^<{7} /m.test(source.text)) throw mergeConflict(source);
  const { document, faults } = parseYaml(source);
  if (document.value === null && faults.length === 0) return emptyLock;
  if (faults.length === 0) faults.push(...validateDocument(compileSchema(lockSchema), document));
  if (faults.length > 0) throw lockFault(source, faults);
  const { plugins = {}, links, scopes, seen } = valid<LockYaml>(document.value);
  const semantic: Fault[] = [];
  const compiled = Object.entries(plugins).map(([name, entry]) => {
    const known = entryOf(entry);
    if (known === undefined) semantic.push(sourceFault(document, name));
    return [name, known];
  });
  if (semantic.length > 0) throw lockFault(source, semantic);
  return deepFreeze({
    plugins: Object.fromEntries(compiled) as Record<string, LockEntry>,
    ...(links === undefined ? {} : { links }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(seen === undefined ? {} : { seen }),
  });
}

/** Replaces the file as a whole; when nothing is to stand in it, there is none. */
export async function writeLock(workspace: string, lock: Lock): Promise<void> {
  const { plugins, links = {}, scopes = {}, seen = {} } = lock;
  if ([plugins, links, scopes, seen].every(isEmpty)) {
    await rm(lockPath(workspace), { force: true });
    return;
  }
  await replaceLock(workspace, lockText(lock));
}

/** The file's text: plugins by name, only what is granted is written. */
export function lockText(lock: Lock): string {
  return heading + stringify(lockYaml(lock), { lineWidth: 0 });
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
  else await replaceLock(workspace, bytes);
}

async function replaceLock(workspace: string, content: string | Buffer): Promise<void> {
  const file = lockPath(workspace);
  await replaceFile(file, content, createHash("sha256").update(content).digest("hex").slice(0, 8));
  await syncFolder(dirname(file));
}

/** Makes renames within the folder outlive a loss of power. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync().catch(() => undefined);
}

function sourceFault(document: YamlDocument, name: string): Fault {
  const path = ["plugins", name, "source"];
  return {
    path,
    span: document.span(path, "key"),
    message:
      "expected git with commit and tree, or npm with release, registry and archive, or tarball, or folder, and no other kind's keys beside it",
  };
}

function lockFault(source: YamlSource, faults: readonly Fault[]): XcoreError {
  const error = faultsError("LOCK_INVALID", source, faults);
  return new XcoreError("LOCK_INVALID", error.message, {
    hint: "Put it back as it was committed (git checkout xcore.lock), then run xcore plugin sync.",
    details: error.details,
  });
}

function mergeConflict({ text, file }: YamlSource): XcoreError {
  const line = text.slice(0, text.search(/^<{7} /m)).split("\n").length;
  return new XcoreError("LOCK_INVALID", `${basename(file)}:${line} has the marks of a merge conflict`, {
    hint: "Resolve it, then run xcore plugin sync.",
    details: { line },
  });
}

// The files an author signs and packs: what git knows in a work tree, otherwise all of the folder; never packages, never a private key.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { XcoreError, messageOf, systemCode } from "../../base/error.ts";
import { integrityOf, listingLine, listingText } from "../installer/digest.ts";
import { PathGuard } from "../installer/paths.ts";
import { isPackName } from "./pack-name.ts";
import { signatureFile } from "./statement.ts";

const run = promisify(execFile);

export interface SignedFile {
  /** With `/` between its parts. */
  readonly path: string;
  readonly executable: boolean;
  readonly content: Buffer;
}

export interface SignedFiles {
  /** Sorted by path, the signature's own file left out. */
  readonly files: readonly SignedFile[];
  readonly integrity: string;
  /** As `listFiles` writes it. */
  readonly text: string;
  /** Whether git chose them. */
  readonly fromGit: boolean;
}

const never = new Set([".git", ".xcore", "node_modules"]);

/**
 * Throws `SOURCE_INVALID` for what can't be installed, for a private key among the files, and in a work tree for a file that is not
 * what git would commit: then what is signed here would not be what others get.
 */
export async function signedFiles(folder: string): Promise<SignedFiles> {
  const known = await gitFiles(folder);
  const all = known === undefined ? await allFiles(folder, "") : [...known.keys()];
  const guard = new PathGuard();
  const files: SignedFile[] = [];
  for (const path of all.filter(isSigned).sort((a, b) => (a < b ? -1 : 1))) {
    guard.add(path);
    const file = await readOne(folder, path);
    const tracked = known?.get(path);
    files.push(tracked === undefined ? file : asTracked(file, tracked));
  }
  const secret = files.find(({ content }) => isPrivateKey(content));
  if (secret !== undefined) {
    throw new XcoreError("SOURCE_INVALID", `'${secret.path}' holds a private key; it would be given away`, {
      hint: "Move it out of the plugin's folder. If it was ever published, make a new one.",
    });
  }
  const text = listingText(files.map((file) => listingLine(file)));
  return { files, text, integrity: integrityOf(text), fromGit: known !== undefined };
}

interface Tracked {
  readonly mode: string;
  /** Of the blob in the index. */
  readonly id: string;
}

function asTracked(file: SignedFile, { mode, id }: Tracked): SignedFile {
  const hash = createHash(id.length === 40 ? "sha1" : "sha256");
  const blob = hash.update(`blob ${file.content.length}\0`).update(file.content).digest("hex");
  if (blob === id) return { ...file, executable: mode === "100755" };
  throw new XcoreError("SOURCE_INVALID", `'${file.path}' is not what git would commit`, {
    hint: `Add it first: git add ${file.path}. If it is added, a filter or line endings (core.autocrlf) change it: write "* -text" into .gitattributes.`,
    details: { path: file.path },
  });
}

const isSigned = (path: string): boolean =>
  path !== signatureFile && !path.split("/").some((part) => never.has(part)) && !/(^|\/)\.npmrc$/i.test(path);

async function readOne(folder: string, path: string): Promise<SignedFile> {
  try {
    await using handle = await open(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW);
    const info = await handle.stat();
    if (!info.isFile()) throw notRegular(path);
    return { path, executable: (info.mode & 0o100) !== 0, content: await handle.readFile() };
  } catch (error) {
    if (error instanceof XcoreError) throw error;
    if (systemCode(error) === "ELOOP") throw notRegular(path);
    throw new XcoreError("SOURCE_INVALID", `'${path}' can't be read: ${messageOf(error)}`, {
      hint: "git knows a file that is not there? Commit its removal, then try again.",
    });
  }
}

async function allFiles(folder: string, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    if (never.has(entry.name) || (prefix === "" && isPackName(entry.name))) continue;
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await allFiles(folder, path)));
    else found.push(path);
  }
  return found;
}

// Undefined outside of a work tree. What git knows of this folder, whether committed or only added; what is ignored stays out.
async function gitFiles(folder: string): Promise<Map<string, Tracked> | undefined> {
  try {
    const { stdout } = await run("git", ["-c", "core.fsmonitor=false", "ls-files", "-z", "--stage"], {
      cwd: folder,
      maxBuffer: 64 * 1024 ** 2,
    });
    const entries = stdout.split("\0").flatMap((line): [string, Tracked][] => {
      const [, mode, id, path] = /^(\d+) ([0-9a-f]+) \d\t(.*)$/s.exec(line) ?? [];
      return mode === undefined || id === undefined || path === undefined ? [] : [[path, { mode, id }]];
    });
    return entries.length === 0 ? undefined : new Map(entries);
  } catch {
    return undefined;
  }
}

const isPrivateKey = (content: Buffer): boolean =>
  /^-----BEGIN ([A-Z0-9 ]+ )?PRIVATE KEY-----/m.test(content.toString("latin1"));

function notRegular(path: string): XcoreError {
  return new XcoreError("SOURCE_INVALID", `'${path}' is no regular file`, {
    hint: "A plugin holds regular files only: replace links by the files themselves.",
  });
}

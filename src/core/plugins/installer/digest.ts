// The digest of an installed plugin: one line for each file with mode, hash and path, sorted; the digest is the hash of that list.
import { createHash } from "node:crypto";
import { lstat, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

export interface Listing {
  /** `sha256-` and 64 hexadecimal digits. */
  readonly integrity: string;
  /** The list itself: it tells which file differs. */
  readonly text: string;
}

/** Reads every file below `folder`. Anything that is no regular file stands in the list as what it is, and so changes the digest. */
export async function listFiles(folder: string): Promise<Listing> {
  const paths: { path: string; kind: "file" | "other" }[] = [];
  await walk(folder, "", paths);
  const lines: string[] = [];
  for (const { path, kind } of paths.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    lines.push(kind === "file" ? await line(folder, path) : `other - ${JSON.stringify(path)}`);
  }
  const text = listingText(lines);
  return { integrity: integrityOf(text), text };
}

/** The list as one text; `lines` are sorted by path. */
export const listingText = (lines: readonly string[]): string => lines.map((one) => `${one}\n`).join("");

/** One file's line: mode, digest, path. */
export function listingLine(file: { path: string; executable: boolean; content: Uint8Array }): string {
  const mode = file.executable ? "755" : "644";
  return `${mode} ${createHash("sha256").update(file.content).digest("hex")} ${JSON.stringify(file.path)}`;
}

/** The list without the files that `leave` names. */
export function listingWithout(text: string, leave: (path: string) => boolean): string {
  return listingText(text.split("\n").filter((line) => line !== "" && !leave(pathOf(line))));
}

export function integrityOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("hex")}`;
}

export interface Difference {
  /** `kind`: a link or a device lies where a file should, or the other way round. */
  readonly what: "content" | "mode" | "kind" | "missing" | "added";
  readonly path: string;
}

/** In the order of the list that was expected; what was added comes last. */
export function fileDifferences(expected: string, found: string): Difference[] {
  const before = byPath(expected);
  const after = byPath(found);
  const changed = [...before].flatMap(([path, line]): Difference[] => {
    const now = after.get(path);
    if (now === undefined) return [{ what: "missing", path }];
    return now === line ? [] : [{ what: whatDiffers(line, now), path }];
  });
  const added = [...after.keys()].filter((path) => !before.has(path));
  return [...changed, ...added.map((path): Difference => ({ what: "added", path }))];
}

/** The same as `changed src/index.ts`, `added …`, `missing …`. */
export function differences(expected: string, found: string): string[] {
  return fileDifferences(expected, found).map(
    ({ what, path }) => `${what === "missing" || what === "added" ? what : "changed"} ${path}`,
  );
}

function whatDiffers(before: string, after: string): Difference["what"] {
  if (before.startsWith("other") || after.startsWith("other")) return "kind";
  return before.split(" ")[1] === after.split(" ")[1] ? "mode" : "content";
}

async function walk(
  folder: string,
  prefix: string,
  into: { path: string; kind: "file" | "other" }[],
): Promise<void> {
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) await walk(folder, path, into);
    else into.push({ path, kind: entry.isFile() ? "file" : "other" });
  }
}

async function line(folder: string, path: string): Promise<string> {
  const file = join(folder, path);
  const [content, info] = await Promise.all([readFile(file), lstat(file)]);
  return listingLine({ path, executable: (info.mode & 0o100) !== 0, content });
}

function byPath(text: string): Map<string, string> {
  const lines = text.split("\n").filter((one) => one !== "");
  return new Map(lines.map((one) => [pathOf(one), one]));
}

function pathOf(line: string): string {
  const quoted = line.slice(line.indexOf('"'));
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

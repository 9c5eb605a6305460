// The files of one tree of a repository: listed, fetched, and written out byte for byte.
import { XcoreError } from "../../base/error.ts";
import type { GitRepository } from "./git-repository.ts";
import type { StagedTree } from "./staged-tree.ts";

export interface TreeEntry {
  path: string;
  id: string;
  executable: boolean;
}

/** Where another repository's commit is to lie in the tree. */
export interface Gitlink {
  path: string;
  /** Full id of the commit. */
  id: string;
}

export interface TreeListing {
  files: TreeEntry[];
  links: Gitlink[];
}

/** Without tags and files; those are fetched by their ids afterwards. */
export const fetchOnly = [
  "--no-tags",
  "--no-write-fetch-head",
  "--no-recurse-submodules",
  "--filter=blob:none",
];

/** Paths are those within the tree. Throws `SOURCE_INVALID` for what is no file and no submodule. */
export async function listTree(git: GitRepository, tree: string, maxFiles: number): Promise<TreeListing> {
  const text = await git.run(["ls-tree", "-r", "-z", "--full-tree", tree], {
    maxOutputBytes: (maxFiles + 1) * 400,
  });
  const listing: TreeListing = { files: [], links: [] };
  for (const line of text.split("\0")) {
    if (line === "") continue;
    const [head = "", path = ""] = splitOnce(line, "\t");
    const [mode, type, id = ""] = head.split(" ");
    if (type === "commit") listing.links.push({ path, id });
    else if (mode !== "120000") listing.files.push({ path, id, executable: mode === "100755" });
    else {
      throw new XcoreError("SOURCE_INVALID", `the source is not installed: '${path}' is a symbolic link`, {
        hint: "A plugin holds regular files only; ask its author to put the files themselves there.",
      });
    }
  }
  return listing;
}

export async function fetchBlobs(git: GitRepository, entries: readonly TreeEntry[]): Promise<void> {
  const sizes = await blobSizes(git, entries);
  const missing = [...new Set(entries.map((entry) => entry.id))].filter((id) => !sizes.has(id));
  if (missing.length === 0) return;
  await git.run(["fetch", "--progress", ...fetchOnly, "--stdin", "origin"], {
    input: `${missing.join("\n")}\n`,
  });
  await git.configure();
}

/** Bytes by id, of those that are here. */
export async function blobSizes(
  git: GitRepository,
  entries: readonly TreeEntry[],
): Promise<Map<string, number>> {
  const input = entries.map((entry) => `${entry.id}\n`).join("");
  const text = input === "" ? "" : (await git.catFile(["--batch-check"], { input })).toString();
  const lines = text.split("\n").map((line) => line.split(" "));
  return new Map(lines.flatMap(([id = "", type, size]) => (type === "blob" ? [[id, Number(size)]] : [])));
}

/** Sizes are known and capped before a content is read; contents come in portions, so that memory is bounded too. */
export async function writeOut(
  git: GitRepository,
  entries: readonly TreeEntry[],
  target: StagedTree,
): Promise<void> {
  const sizes = await blobSizes(git, entries);
  const wanted = entries.filter((entry) => target.claim(entry.path, sizes.get(entry.id) ?? 0));
  const portionBytes = 16 * 1024 ** 2;
  for (let at = 0; at < wanted.length;) {
    const portion: TreeEntry[] = [];
    for (let bytes = 0; at < wanted.length && bytes < portionBytes; at += 1) {
      const entry = wanted[at] as TreeEntry;
      portion.push(entry);
      bytes += sizes.get(entry.id) ?? 0;
    }
    const bytes = await git.catFile(["--batch"], { input: portion.map((entry) => `${entry.id}\n`).join("") });
    await writePortion(bytes, portion, target);
  }
}

async function writePortion(bytes: Buffer, portion: readonly TreeEntry[], target: StagedTree): Promise<void> {
  let at = 0;
  for (const entry of portion) {
    const headEnd = bytes.indexOf(10, at);
    const [id, type, size] = bytes.toString("latin1", at, headEnd).split(" ");
    if (headEnd === -1 || id !== entry.id || type !== "blob") {
      throw new XcoreError("SOURCE_UNREACHABLE", `the repository did not give '${entry.path}'`, {
        hint: "Try again; if it stays so, the repository is damaged.",
      });
    }
    const end = headEnd + 1 + Number(size);
    await target.write(entry.path, bytes.subarray(headEnd + 1, end), entry.executable);
    at = end + 1;
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

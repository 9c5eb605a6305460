// Fetches one commit of a git repository and writes its files out as they lie in the tree, byte for byte.
import { rm } from "node:fs/promises";
import { XcoreError } from "../../base/error.ts";
import type { SourceCache } from "./cache.ts";
import { everything, fullId, objectFormatOf, resolveRef } from "./git-refs.ts";
import { withinBounds } from "./git-bounds.ts";
import type { GitOptions, GitRepository } from "./git-repository.ts";
import type { GitSource } from "./source.ts";
import type { StagedTree } from "./staged-tree.ts";

export interface FetchOptions extends GitOptions {
  cache: SourceCache;
}

export interface GitResult {
  /** Full ids. */
  commit: string;
  tree: string;
}

interface TreeEntry {
  path: string;
  id: string;
  executable: boolean;
}

const fetchOnly = ["--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--filter=blob:none"];

/** Throws `SOURCE_UNREACHABLE`, or `SOURCE_INVALID` for what lies in the repository. */
export async function fetchGit(options: FetchOptions, target: StagedTree): Promise<GitResult> {
  const { source, caps, cache } = options;
  const known = source.commit ?? (fullId.test(source.ref ?? "") ? source.ref : undefined);
  const kept = known === undefined ? undefined : await cache.repository(source.remote, known);
  const folder = kept ?? options.folder;
  try {
    return await withinBounds({ ...options, folder }, async (git, bounded) => {
      options.onProgress("asking for the commit");
      const wanted = known ?? (await resolveRef(git, bounded));
      await git.configure(objectFormatOf(wanted));
      options.onProgress(`fetching ${wanted.slice(0, 12)}`);
      if (kept === undefined) await fetchCommit(git, source, wanted);
      const { commit, tree } = await identify(git, source, wanted);
      const entries = await listTree(git, tree, caps.files);
      await fetchBlobs(git, entries);
      await writeOut(git, entries, target);
      if (kept === undefined) await cache.keepRepository(folder, source.remote, commit);
      return { commit, tree };
    });
  } catch (error) {
    // What is kept may have been damaged; the next try fetches it anew.
    if (kept !== undefined) await rm(kept, { recursive: true, force: true });
    throw error;
  }
}

async function fetchCommit(git: GitRepository, source: GitSource, id: string): Promise<void> {
  const fetch = (...what: string[]): Promise<string> =>
    git.run(["fetch", "--progress", ...fetchOnly, ...what]);
  try {
    await fetch("--depth=1", "origin", id);
  } catch (error) {
    if (!/unadvertised object|not our ref/.test(String(error))) throw error;
    // Servers before protocol 2 hand out only what a branch or tag points to: the branch first, then all there is.
    const { ref } = source;
    if (ref !== undefined && !fullId.test(ref)) await fetch("--depth=1", "origin", ref);
    if (await holds(git, id)) return;
    await fetch("--unshallow", "origin", ...everything).catch(() => fetch("origin", ...everything));
    if (!(await holds(git, id))) throw error;
  }
}

async function holds(git: GitRepository, id: string): Promise<boolean> {
  const [line = ""] = (await git.catFile(["--batch-check"], { input: `${id}\n` })).toString().split("\n");
  return / commit \d+$/.test(line);
}

async function identify(git: GitRepository, source: GitSource, wanted: string): Promise<GitResult> {
  await git.configure();
  const names = [`${wanted}^{commit}`, `${wanted}^{tree}`];
  if (source.subfolder !== undefined) names.push(`${wanted}:${source.subfolder}`);
  const text = (await git.catFile(["--batch-check"], { input: `${names.join("\n")}\n` })).toString();
  const [commit, root, inner] = text.split("\n").map((line) => line.split(" "));
  if (commit?.[1] !== "commit" || root?.[1] !== "tree") {
    throw new XcoreError("SOURCE_INVALID", `${source.url}: ${wanted} is no commit`, {
      hint: "Name a branch, a tag or a commit behind '#'.",
    });
  }
  const top = source.subfolder === undefined ? root : inner;
  if (top?.[1] !== "tree") {
    throw new XcoreError(
      "SOURCE_INVALID",
      `${source.url} has no folder '${source.subfolder}' in ${commit[0]}`,
      {
        hint: "Check the folder's name behind '//'.",
      },
    );
  }
  return { commit: commit[0] ?? "", tree: top[0] ?? "" };
}

async function listTree(git: GitRepository, tree: string, maxFiles: number): Promise<TreeEntry[]> {
  const text = await git.run(["ls-tree", "-r", "-z", "--full-tree", tree], {
    maxOutputBytes: (maxFiles + 1) * 400,
  });
  return text
    .split("\0")
    .filter((line) => line !== "")
    .map((line) => {
      const [head = "", path = ""] = splitOnce(line, "\t");
      const [mode, type, id = ""] = head.split(" ");
      if (type === "blob" && mode !== "120000") return { path, id, executable: mode === "100755" };
      const what = mode === "120000" ? "a symbolic link" : "a submodule";
      throw new XcoreError("SOURCE_INVALID", `the source is not installed: '${path}' is ${what}`, {
        hint: "A plugin holds regular files only; ask its author to put the files themselves there.",
      });
    });
}

async function fetchBlobs(git: GitRepository, entries: readonly TreeEntry[]): Promise<void> {
  const sizes = await blobSizes(git, entries);
  const missing = [...new Set(entries.map((entry) => entry.id))].filter((id) => !sizes.has(id));
  if (missing.length === 0) return;
  await git.run(["fetch", "--progress", ...fetchOnly, "--stdin", "origin"], {
    input: `${missing.join("\n")}\n`,
  });
  await git.configure();
}

async function blobSizes(git: GitRepository, entries: readonly TreeEntry[]): Promise<Map<string, number>> {
  const input = entries.map((entry) => `${entry.id}\n`).join("");
  const text = input === "" ? "" : (await git.catFile(["--batch-check"], { input })).toString();
  const lines = text.split("\n").map((line) => line.split(" "));
  return new Map(lines.flatMap(([id = "", type, size]) => (type === "blob" ? [[id, Number(size)]] : [])));
}

// Sizes are known and capped before a content is read; contents come in portions, so that memory is bounded too.
async function writeOut(
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

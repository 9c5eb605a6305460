// Fetches one commit of a git repository and writes its files out as they lie in the tree, byte for byte.
import { rm } from "node:fs/promises";
import { XcoreError } from "../../base/error.ts";
import type { SourceCache } from "./cache.ts";
import { sizeOf } from "./folder-size.ts";
import { fetchBlobs, fetchOnly, listTree, writeOut } from "./git-files.ts";
import { everything, fullId, objectFormatOf, resolveRef } from "./git-refs.ts";
import { tooLarge, withinBounds } from "./git-bounds.ts";
import type { GitOptions, GitRepository } from "./git-repository.ts";
import {
  joined,
  mostSubmodules,
  submoduleFault,
  submodulesOf,
  tooMany,
  type Submodule,
} from "./git-submodules.ts";
import type { GitSource } from "./source-kinds.ts";
import type { StagedTree } from "./staged-tree.ts";

export interface FetchOptions extends GitOptions {
  cache: SourceCache;
}

export interface GitResult {
  /** Full ids. */
  commit: string;
  tree: string;
}

interface Fetched extends GitResult {
  submodules: Submodule[];
  /** What its repository takes up. */
  bytes: number;
}

/** With its submodules where the source asks for them. Throws `SOURCE_UNREACHABLE`, or `SOURCE_INVALID` for what lies in the repository. */
export async function fetchGit(options: FetchOptions, target: StagedTree): Promise<GitResult> {
  const { source, caps, folder } = options;
  const began = performance.now();
  const { commit, tree, bytes, submodules } = await fetchTree(options, { path: "", level: 0 }, target);
  const queue = [...submodules];
  let spent = bytes;
  for (let at = 0; at < queue.length; at += 1) {
    if (queue.length > mostSubmodules) throw tooMany();
    const next = queue[at] as Submodule;
    const left = {
      ...caps,
      fetchMs: Math.max(1, Math.ceil(caps.fetchMs - (performance.now() - began))),
      transferBytes: caps.transferBytes - spent,
    };
    const of = { ...options, folder: `${folder}-${at + 1}`, source: next.source, caps: left };
    const fetched = await fetchTree(of, next, target).catch((error: unknown) => {
      throw submoduleFault(error, next.path);
    });
    spent += fetched.bytes;
    if (spent > caps.transferBytes) throw tooLarge(source, caps);
    queue.push(...fetched.submodules);
  }
  return { commit, tree };
}

async function fetchTree(
  options: FetchOptions,
  place: { path: string; level: number },
  target: StagedTree,
): Promise<Fetched> {
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
      const { files, links } = await listTree(git, tree, caps.files);
      const submodules = await submodulesOf(git, { source, commit, ...place }, links);
      const entries = files.map((entry) => ({ ...entry, path: joined(place.path, entry.path) }));
      await fetchBlobs(git, entries);
      await writeOut(git, entries, target);
      const bytes = await sizeOf(folder);
      if (kept === undefined) await cache.keepRepository(folder, source.remote, commit);
      return { commit, tree, submodules, bytes };
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

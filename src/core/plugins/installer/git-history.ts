// What happened in a repository between two commits: whether the one leads to the other, and by which steps.
import { messageOf } from "../../base/error.ts";
import { withinBounds } from "./git-bounds.ts";
import { commitsOnly, everything, objectFormatOf } from "./git-refs.ts";
import type { GitRepository, GitOptions } from "./git-repository.ts";

export interface Commit {
  readonly id: string;
  /** ISO 8601, as its author's clock had it. */
  readonly at: string;
  readonly author: string;
  /** The first line of its message. */
  readonly subject: string;
}

export interface History {
  /** Whether the later one has the earlier one among its ancestors; false: the history was rewritten, or the order is another. */
  readonly descends: boolean;
  /** From the earlier one on, the latest first; at most `mostCommits`. Empty when it does not descend. */
  readonly commits: readonly Commit[];
}

const mostCommits = 200;

/** Fetches the commits alone, no file of them; `options.folder` must be new. */
export async function historyBetween(
  options: GitOptions,
  { from, to }: { from: string; to: string },
): Promise<History> {
  if (from === to) return { descends: true, commits: [] };
  return withinBounds(options, async (git) => {
    options.onProgress("reading the history");
    await git.configure(objectFormatOf(to));
    // The earlier commit then lies there without its ancestors, so that only what came after it is sent. Where a server gives out
    // no single commit, or has forgotten this one, the whole history tells which it is.
    if (await hasCommit(git, from)) await git.run(["fetch", "--progress", ...commitsOnly, "origin", to]);
    else await git.run(["fetch", "--progress", ...commitsOnly, "origin", ...everything]);
    await git.configure();
    const descends = await git.run(["merge-base", "--is-ancestor", from, to]).then(
      () => true,
      () => false,
    );
    return { descends, commits: descends ? await commitsAfter(git, from, to) : [] };
  });
}

async function hasCommit(git: GitRepository, id: string): Promise<boolean> {
  try {
    await git.run(["fetch", "--depth=1", ...commitsOnly, "origin", id]);
    return true;
  } catch (error) {
    if (/not our ref|unadvertised object|remote error|couldn't find remote ref/i.test(messageOf(error)))
      return false;
    throw error;
  }
}

async function commitsAfter(git: GitRepository, from: string, to: string): Promise<Commit[]> {
  const text = await git.run([
    "log",
    "-z",
    "--no-show-signature",
    `--max-count=${mostCommits}`,
    "--format=%H%x1f%aI%x1f%an%x1f%s",
    `${from}..${to}`,
  ]);
  return text
    .split("\0")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", at = "", author = "", subject = ""] = line.split("\u001F");
      return { id, at, author, subject };
    });
}

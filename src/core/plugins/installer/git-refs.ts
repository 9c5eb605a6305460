// What a branch, a tag or a short commit id means in a repository: a full id.
import { XcoreError } from "../../base/error.ts";
import { suggestion } from "../../base/nearest.ts";
import { withinBounds } from "./git-bounds.ts";
import type { GitOptions, GitRepository } from "./git-repository.ts";

export const fullId = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

/** Fetches history and no file of it. */
export const commitsOnly = [
  "--no-tags",
  "--no-write-fetch-head",
  "--no-recurse-submodules",
  "--filter=tree:0",
];

export const everything = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

export const objectFormatOf = (id: string): "sha1" | "sha256" => (id.length === 64 ? "sha256" : "sha1");

/** The full id of what `ref` names: a tag, a branch, a commit or the beginning of one. Throws `SOURCE_INVALID` with what there is. */
export async function resolveRef(git: GitRepository, options: GitOptions): Promise<string> {
  const { source } = options;
  const { ref } = source;
  if (ref !== undefined && fullId.test(ref)) return ref;
  const names =
    ref === undefined
      ? ["HEAD"]
      : ref.startsWith("refs/")
        ? [`${ref}^{}`, ref]
        : [`refs/tags/${ref}^{}`, `refs/tags/${ref}`, `refs/heads/${ref}`];
  const found = await listRefs(git, names);
  for (const name of names) {
    const id = found.get(name);
    if (id !== undefined) return id;
  }
  if (ref === undefined) {
    throw new XcoreError("SOURCE_INVALID", `${source.url} has no commit yet`, {
      hint: "Commit the plugin's files first, or name a branch: …#branch",
    });
  }
  return nearestRef(git, options, ref);
}

async function nearestRef(git: GitRepository, options: GitOptions, ref: string): Promise<string> {
  const { source } = options;
  const all = await listRefs(git, ["refs/heads/*", "refs/tags/*"]);
  if (/^[0-9a-f]{7,63}$/.test(ref)) return longId(ref, [...all.values()], options);
  const names = [...all.keys()].map((name) =>
    name.replace(/^refs\/(heads|tags)\//, "").replace(/\^\{\}$/, ""),
  );
  const shown = [...new Set(names)].slice(-20);
  throw new XcoreError("SOURCE_INVALID", `${source.url} has no branch or tag '${ref}'`, {
    hint: `Branches and tags: ${suggestion(ref, shown)}`,
  });
}

/** Names and full ids of the branches and tags that these patterns mean; `name^{}` is the commit of an annotated tag. */
export async function listRefs(
  git: GitRepository,
  patterns: readonly string[],
): Promise<Map<string, string>> {
  const text = await git.run(["ls-remote", "origin", ...patterns], { maxOutputBytes: 16 * 1024 ** 2 });
  const lines = text.split("\n").map((line) => line.split("\t"));
  return new Map(
    lines.flatMap(([id = "", name]) => (name !== undefined && fullId.test(id) ? [[name, id]] : [])),
  );
}

// No server looks up the beginning of an id. What branches and tags point to is known; for the rest all commits are fetched, without a file.
async function longId(short: string, tips: readonly string[], options: GitOptions): Promise<string> {
  const { source, folder, onProgress } = options;
  const ids = new Set(tips.filter((id) => id.startsWith(short)));
  if (ids.size === 0) {
    onProgress("looking the commit up");
    const found = await withinBounds({ ...options, folder: `${folder}-commits` }, async (git) => {
      await git.configure(objectFormatOf(tips[0] ?? ""));
      await git.run(["fetch", "--progress", ...commitsOnly, "origin", ...everything]);
      await git.configure();
      const objects = (await git.run(["rev-parse", `--disambiguate=${short}`])).split("\n");
      return commitsAmong(
        git,
        objects.filter((id) => fullId.test(id)),
      );
    });
    for (const id of found) ids.add(id);
  }
  const [only] = ids;
  if (ids.size === 1 && only !== undefined) return only;
  const what = ids.size === 0 ? "has no commit" : `has ${ids.size} commits`;
  throw new XcoreError("SOURCE_INVALID", `${source.url} ${what} '${short}…'`, {
    hint:
      ids.size === 0
        ? "Give the full id (git rev-parse), a branch or a tag."
        : `They are: ${[...ids].join(", ")}`,
  });
}

async function commitsAmong(git: GitRepository, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const input = ids.map((id) => `${id}\n`).join("");
  const lines = (await git.catFile(["--batch-check"], { input })).toString().split("\n");
  return lines
    .map((line) => line.split(" "))
    .flatMap(([id, type]) => (id !== undefined && type === "commit" ? [id] : []));
}

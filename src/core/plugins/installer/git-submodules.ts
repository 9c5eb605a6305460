// Submodules that were asked for: `.gitmodules` is read as data, and each address goes through what a source's own goes through.
import { fileURLToPath } from "node:url";
import { XcoreError } from "../../base/error.ts";
import { blobSizes, fetchBlobs, type Gitlink } from "./git-files.ts";
import type { GitRepository } from "./git-repository.ts";
import { pathFault } from "./paths.ts";
import { isLoopback, parseSource } from "./source.ts";
import type { GitSource } from "./source-kinds.ts";

export interface Submodule {
  /** Where its files lie below the plugin's folder. */
  path: string;
  /** With the full id of the commit. */
  source: GitSource;
  /** 1 for a submodule of the source itself. */
  level: number;
}

/** A repository whose commit was read. */
export interface Parent {
  source: GitSource;
  commit: string;
  /** Where its files lie below the plugin's folder; empty for the source itself. */
  path: string;
  /** 0 for the source itself. */
  level: number;
}

export const mostSubmodules = 20;
const deepestLevel = 3;
const largestFile = 64 * 1024;

// What an address may lead to: never from the network to this machine.
const reachable: Record<GitSource["protocol"], readonly GitSource["protocol"][]> = {
  https: ["https", "ssh"],
  ssh: ["https", "ssh"],
  http: ["http", "https", "ssh"],
  file: ["file", "http", "https", "ssh"],
};

/** Where each of a tree's gitlinks leads. Throws `SOURCE_INVALID` before anything of them is fetched. */
export async function submodulesOf(
  git: GitRepository,
  parent: Parent,
  links: readonly Gitlink[],
): Promise<Submodule[]> {
  const { source } = parent;
  if (links.length === 0) return [];
  if (source.submodules !== true) throw unasked(links);
  if (links.length > mostSubmodules) throw tooMany();
  if (parent.level >= deepestLevel) {
    throw refused(`submodules are nested deeper than ${deepestLevel} levels in '${parent.path}'`);
  }
  const addresses = await readAddresses(git, parent.commit);
  const found: Submodule[] = [];
  for (const link of links) {
    const path = joined(parent.path, link.path);
    const fault = pathFault(path);
    if (fault !== undefined) throw refused(`the path of the submodule ${JSON.stringify(path)} ${fault}`);
    const address = addresses.get(joined(source.subfolder ?? "", link.path));
    if (address === undefined) throw refused(`.gitmodules names no address for the submodule '${path}'`);
    const where = await sourceOf(address, source, path);
    found.push({ path, source: { ...where, commit: link.id, submodules: true }, level: parent.level + 1 });
  }
  return found;
}

export function tooMany(): XcoreError {
  return refused(`it has more than ${mostSubmodules} submodules`);
}

export const joined = (folder: string, path: string): string => (folder === "" ? path : `${folder}/${path}`);

// By path. `git config` reads it as text: nothing is included, and what else stands in there (update = !command) is not looked at.
async function readAddresses(git: GitRepository, commit: string): Promise<Map<string, string>> {
  const line = await git.run(["ls-tree", "-z", "--full-tree", commit, "--", ".gitmodules"]);
  const [, mode, id] = /^(\d+) blob ([0-9a-f]+)\t/.exec(line) ?? [];
  if (mode === undefined || id === undefined || mode === "120000") {
    throw refused("it has submodules and no .gitmodules that says where they are");
  }
  const entries = [{ path: ".gitmodules", id, executable: false }];
  await fetchBlobs(git, entries);
  const bytes = (await blobSizes(git, entries)).get(id) ?? 0;
  if (bytes > largestFile) throw refused("its .gitmodules is larger than 64 KB");
  const text = await git
    .run(["config", "--no-includes", `--blob=${id}`, "--null", "--list"])
    .catch((cause: unknown) => {
      throw refused("its .gitmodules can't be read", cause);
    });
  return byPath(text);
}

function byPath(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const setting of text.split("\0")) {
    const [, key, value] = /^(submodule\.[^]+?\.(?:path|url))\n([^]*)$/.exec(setting) ?? [];
    if (key === undefined || value === undefined) continue;
    if (values.has(key)) throw refused(`its .gitmodules says ${JSON.stringify(key)} twice`);
    values.set(key, value);
  }
  const addresses = new Map<string, string>();
  for (const [key, path] of values) {
    const address = key.endsWith(".path") ? values.get(key.replace(/path$/, "url")) : undefined;
    if (address === undefined) continue;
    if (addresses.has(path)) throw refused(`its .gitmodules names '${path}' twice`);
    addresses.set(path, address);
  }
  return addresses;
}

async function sourceOf(address: string, parent: GitSource, path: string): Promise<GitSource> {
  const onThisMachine = parent.protocol === "file";
  const here = onThisMachine ? fileURLToPath(parent.remote) : "/";
  const absolute = onThisMachine ? address : resolved(address, parent.remote, path);
  const source = await parseSource(`git+${absolute}`, {
    cwd: here,
    workspace: here,
    remoteOnly: !onThisMachine,
  }).catch((error: unknown) => {
    throw submoduleFault(error, path);
  });
  if (source.type !== "git" || source.subfolder !== undefined || source.ref !== undefined) {
    throw refused(`the address of the submodule '${path}' is none of a whole repository`);
  }
  const isLocalHost = isLoopback(hostOf(source)) && !onThisMachine && !isLoopback(hostOf(parent));
  if (!reachable[parent.protocol].includes(source.protocol) || isLocalHost) {
    throw refused(`the submodule '${path}' leads from ${parent.url} to ${source.url}`);
  }
  return source;
}

/** An address that begins with `./` or `../` begins where the parent's ends, as git reads it. */
function resolved(address: string, parent: string, path: string): string {
  if (!/^\.\.?\//.test(address)) return address;
  const [, head = "", below = ""] = /^([a-z]+:\/\/[^/]*|[^/:]+:)([^]*)$/i.exec(parent) ?? [];
  const parts = below.replace(/\/+$/, "").split("/");
  let rest = address;
  for (let step; (step = /^\.\.?\/+/.exec(rest)?.[0]) !== undefined; rest = rest.slice(step.length)) {
    if (!step.startsWith("..")) continue;
    const last = parts.pop();
    if (last === undefined || last === "") {
      throw refused(`the address '${address}' of the submodule '${path}' leads out of its server`);
    }
  }
  return `${head}${[...parts, rest].join("/")}`;
}

function hostOf({ remote }: GitSource): string {
  return URL.parse(remote)?.hostname ?? /@([^:]*):/.exec(remote)?.[1] ?? "";
}

function unasked(links: readonly Gitlink[]): XcoreError {
  const names = links.slice(0, 5).map(({ path }) => `'${path.slice(0, 100)}'`);
  const more = links.length > names.length ? ` and ${links.length - names.length} more` : "";
  const what =
    links.length === 1 ? `${names[0]} is a submodule` : `${names.join(", ")}${more} are submodules`;
  return new XcoreError("SOURCE_INVALID", `the source is not installed: ${what}`, {
    hint: "Code of other repositories is fetched only when you ask for it: xcore plugin add <source> --submodules",
    details: { submodules: links.slice(0, mostSubmodules).map(({ path }) => path) },
  });
}

/** What went wrong with one of them, with its name in front. */
export function submoduleFault(error: unknown, path: string): unknown {
  if (!(error instanceof XcoreError)) return error;
  const { code, message, hint, details } = error;
  return new XcoreError(code, `submodule '${path}': ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    details,
    cause: error,
  });
}

function refused(what: string, cause?: unknown): XcoreError {
  return new XcoreError("SOURCE_INVALID", `the source is not installed: ${what}`, {
    hint: "Tell its author; nothing was changed here.",
    cause,
  });
}

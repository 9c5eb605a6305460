// A source on this machine: an archive, a repository or a folder.
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { XcoreError } from "../../base/error.ts";
import { parseRegistrySpec } from "../registries/spec.ts";
import { parseNpmSpec } from "./npm-spec.ts";
import type { Source, SourceContext } from "./source-kinds.ts";
import { invalid, isArchive, split } from "./source-parts.ts";

export interface LocalOptions {
  text: string;
  asGit: boolean;
  isUrl: boolean;
  context: SourceContext;
}

/** Throws `SOURCE_INVALID` with what may have been meant. */
export async function local(plain: string, options: LocalOptions): Promise<Source> {
  const { text, asGit, context } = options;
  const found = await locate(plain, options);
  if (found === undefined) {
    const spec = !options.isUrl && !asGit && context.registries === true ? parseRegistrySpec(plain) : "";
    if (typeof spec === "string" || spec.registry !== undefined) throw missing(plain, options);
    return { type: "registry", ...spec, locked: undefined };
  }
  const { path, info, ref, subfolder } = found;
  const recorded = options.isUrl ? pathToFileURL(path).href : recordedPath(path, context.workspace);
  if (info.isFile()) {
    if (!isArchive(path)) throw invalid(text, "the file is no .tgz or .tar.gz archive");
    if (ref !== undefined) throw invalid(text, "an archive has no #ref");
    return { type: "tarball", location: path, remote: false, url: recorded, subfolder };
  }
  if (!info.isDirectory()) throw invalid(text, "it is neither a folder nor a file");
  if (asGit || ref !== undefined || (await isRepository(path))) {
    if (!(await isRepository(path))) throw invalid(text, `${path} is no git repository`);
    const remote = pathToFileURL(path).href;
    return { type: "git", remote, protocol: "file", url: recorded, ref, subfolder, commit: undefined };
  }
  const folder = subfolder === undefined ? path : join(path, subfolder);
  return { type: "folder", folder, path: recordedPath(folder, context.workspace) };
}

// A path that is there as it is written wins over a reading of `#` or `//` in it.
async function locate(plain: string, options: LocalOptions) {
  if (!options.isUrl && !/\/\/+[^/]/.test(plain)) {
    const whole = pathOf(plain, options);
    const info = await stat(whole).catch(() => undefined);
    if (info !== undefined) return { path: whole, info, ref: undefined, subfolder: undefined };
  }
  const { address, subfolder, ref } = split(plain, options.text);
  const path = pathOf(address, options);
  const inner = await stat(path).catch(() => undefined);
  return inner === undefined ? undefined : { path, info: inner, ref, subfolder };
}

function pathOf(written: string, { text, isUrl, context }: LocalOptions): string {
  if (!isUrl) return resolve(context.cwd, written.replace(/^~(?=\/|$)/, homedir()));
  try {
    return fileURLToPath(written);
  } catch {
    throw invalid(text, "a file address is file:///absolute/path");
  }
}

async function isRepository(path: string): Promise<boolean> {
  const has = async (name: string): Promise<boolean> =>
    (await stat(join(path, name)).catch(() => undefined)) !== undefined;
  return (await has(".git")) || ((await has("HEAD")) && (await has("objects")) && (await has("refs")));
}

function recordedPath(path: string, workspace: string): string {
  const way = relative(workspace, path).split(sep).join("/");
  return way === "" || way.startsWith("../") ? way || "." : `./${way}`;
}

function missing(plain: string, options: LocalOptions): XcoreError {
  const { text } = options;
  if (options.isUrl) return invalid(text, "there is no such file or folder");
  const slug = /^(?:github\.com\/|github:)?([\w-]+\/[\w.-]+)$/.exec(plain)?.[1];
  const hint =
    slug === undefined
      ? `Give a git address (https://…, git@host:path), a .tgz archive or a folder; an npm package is written npm:${npmLike(plain)}.`
      : `If you mean a repository, write its address: https://github.com/${slug}`;
  return invalid(text, `there is no file or folder '${basename(plain)}' here`, hint);
}

const npmLike = (plain: string): string => (typeof parseNpmSpec(plain) === "string" ? "name" : plain);

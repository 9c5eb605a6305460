// Where a plugin is to come from, as people write it: a git address, an archive or a folder. Decided before git or the network is touched.
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { XcoreError } from "../../base/error.ts";
import type { LockedSource } from "../lock.ts";
import { parseNpmSpec, type NpmSpec } from "./npm-spec.ts";
import { parseRegistrySpec, type RegistrySource } from "../registries/spec.ts";
import { pathFault } from "./paths.ts";

export type Source = GitSource | NpmSource | RegistrySource | TarballSource | FolderSource;

export interface GitSource {
  readonly type: "git";
  /** What git is given as the remote's address. */
  readonly remote: string;
  readonly protocol: "https" | "http" | "ssh" | "file";
  /** As messages and the lock show it; a local path is relative to the workspace there. */
  readonly url: string;
  readonly ref: string | undefined;
  readonly subfolder: string | undefined;
  /** Full id of the commit that must be fetched; undefined: what `ref` points to now. */
  readonly commit: string | undefined;
}

export interface TarballSource {
  readonly type: "tarball";
  /** An absolute path, or an http(s) URL. */
  readonly location: string;
  readonly remote: boolean;
  readonly url: string;
  readonly subfolder: string | undefined;
  /** Digest it must have; undefined: the first one is taken. */
  readonly archive?: string;
}

export interface NpmSource extends NpmSpec {
  readonly type: "npm";
  /** What the lock pins; undefined: what the range means now. */
  readonly locked:
    | { readonly release: string; readonly registry: string; readonly archive: string }
    | undefined;
  /** Exactly this release of the range, where one was chosen already. */
  readonly release?: string;
  /** The registry it was approved from: it may come from no other. */
  readonly approvedFrom?: string;
}

export interface FolderSource {
  readonly type: "folder";
  /** Absolute. */
  readonly folder: string;
  readonly path: string;
}

export interface SourceContext {
  /** Local paths are read from here. */
  cwd: string;
  /** Local paths are recorded relative to this. */
  workspace: string;
  /** Whether the installation has registries: then a plain name that is no path is looked up there. */
  registries?: boolean;
}

/**
 * `https://…`, `ssh://…`, `git@host:path`, `file://…`, `npm:name@range`, `registry:name@range`, a path; `git+` in front, `//subfolder` and `#ref` behind; `.tgz` and `.tar.gz`.
 * Throws `SOURCE_INVALID` on everything else, before anything is run or fetched.
 */
export async function parseSource(text: string, context: SourceContext): Promise<Source> {
  const written = text.trim();
  if (written === "") throw invalid(text, "it is empty");
  if (written.startsWith("-")) throw invalid(text, "it begins with '-', as an option does");
  if (/\p{Cc}/u.test(written)) throw invalid(text, "it holds control characters");
  if (/^[\w+.-]+::/.test(written)) {
    throw invalid(text, `'${written.split("::")[0]}::' runs a helper program, which is never done`);
  }
  if (written.startsWith("npm:")) return npmPackage(written, text);
  if (written.startsWith("registry:")) return ofRegistry(written.slice("registry:".length), text);
  const asGit = written.startsWith("git+");
  const plain = asGit ? written.slice("git+".length) : written;
  if (plain.startsWith("-")) throw invalid(text, "it begins with '-', as an option does");
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(plain)?.[1]?.toLowerCase();
  if (scheme === "file" || (scheme === undefined && !isScpLike(plain))) {
    return local(plain, { text, asGit, isUrl: scheme === "file", context });
  }
  const { address, subfolder, ref } = split(plain, text);
  if (scheme === undefined) return scpLike(address, { text, ref, subfolder });
  const url = checkedUrl(address, scheme, text);
  if (!asGit && scheme !== "ssh" && isArchive(url.pathname)) {
    if (ref !== undefined) throw invalid(text, "an archive has no #ref");
    return { type: "tarball", location: address, remote: true, url: address, subfolder };
  }
  return {
    type: "git",
    remote: address,
    protocol: scheme as GitSource["protocol"],
    url: address,
    ref,
    subfolder,
    commit: undefined,
  };
}

/** The source of a lock entry; what stands in the file is checked as if it had been typed. */
export async function sourceOfLock(locked: LockedSource, workspace: string): Promise<Source> {
  if (locked.type === "folder") {
    return { type: "folder", folder: resolve(workspace, locked.path), path: locked.path };
  }
  if (locked.type === "npm") {
    const { name, range, release, registry, archive } = locked;
    return { type: "npm", name, range, locked: { release, registry, archive } };
  }
  if (locked.type === "registry") {
    const { type, name, range, ...pinned } = locked;
    return { type, name, range, registry: undefined, locked: pinned };
  }
  const context = { cwd: workspace, workspace };
  const source = await parseSource(locked.type === "git" ? `git+${locked.url}` : locked.url, context);
  const { subfolder } = locked;
  if (subfolder !== undefined) checkSubfolder(subfolder, subfolder);
  if (source.type !== locked.type) {
    throw new XcoreError(
      "LOCK_INVALID",
      `xcore.lock: '${locked.url}' is a ${source.type}, not a ${locked.type}`,
      {
        hint: "Remove the plugin and add it again.",
      },
    );
  }
  if (source.type === "git" && locked.type === "git") {
    return { ...source, subfolder, ref: locked.ref, commit: locked.commit };
  }
  const archive = locked.type === "tarball" ? locked.archive : undefined;
  return { ...source, subfolder, ...(archive === undefined ? {} : { archive }) } as TarballSource;
}

function npmPackage(written: string, text: string): NpmSource {
  const spec = parseNpmSpec(written.slice("npm:".length));
  if (typeof spec === "string")
    throw invalid(text, spec, "Write npm:name, npm:@scope/name or npm:name@^1.2.0.");
  return { type: "npm", ...spec, locked: undefined };
}

function ofRegistry(spec: string, text: string): RegistrySource {
  const parsed = parseRegistrySpec(spec);
  if (typeof parsed === "string")
    throw invalid(text, parsed, "Write registry:name, registry:name@^1.2.0 or registry:ours/name.");
  return { type: "registry", ...parsed, locked: undefined };
}

function isScpLike(text: string): boolean {
  return /^[A-Za-z0-9_][\w.-]*@[^/:@]+:/.test(text);
}

function scpLike(
  address: string,
  parts: { text: string; ref?: string | undefined; subfolder?: string | undefined },
): GitSource {
  const host = /@([^:]*):/.exec(address)?.[1] ?? "";
  const path = address.slice(address.indexOf(":") + 1);
  if (!/^[A-Za-z0-9][\w.-]*$/.test(host) || path === "" || path.startsWith("-")) {
    throw invalid(parts.text, "expected git@host:path");
  }
  const { ref, subfolder } = parts;
  return { type: "git", remote: address, protocol: "ssh", url: address, ref, subfolder, commit: undefined };
}

function checkedUrl(address: string, scheme: string, text: string): URL {
  if (!["https", "http", "ssh"].includes(scheme)) {
    throw invalid(
      text,
      `the protocol '${scheme}' is not used`,
      "Use https://, ssh://, git@host:path, file:// or a path.",
    );
  }
  if (/[\s\\]|%0[0ad]/i.test(address)) throw invalid(text, "the address holds characters no address has");
  const url = URL.parse(address);
  if (url === null || !/^[\w[]/.test(url.hostname)) throw invalid(text, "it is no address");
  if (url.username.startsWith("-")) throw invalid(text, "the user begins with '-', as an option does");
  if (url.password !== "" || (scheme !== "ssh" && url.username !== "")) {
    throw invalid(
      text.replace(/\/\/[^/@]*@/, "//…@"),
      "it holds credentials, which would be written into xcore.lock",
      "Leave them out; git asks your credential helper (git help credentials) or your ssh agent.",
    );
  }
  if (scheme === "http" && !isLoopback(url.hostname)) {
    throw invalid(text, "plain http can be changed on its way", `Use https://${url.host}${url.pathname}`);
  }
  return url;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

interface LocalOptions {
  text: string;
  asGit: boolean;
  isUrl: boolean;
  context: SourceContext;
}

async function local(plain: string, options: LocalOptions): Promise<Source> {
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

function split(plain: string, text: string): { address: string; subfolder?: string; ref?: string } {
  const hash = plain.indexOf("#");
  const ref = hash === -1 ? undefined : plain.slice(hash + 1);
  if (ref !== undefined) checkRef(ref, text);
  const before = hash === -1 ? plain : plain.slice(0, hash);
  const from = /^[\w+.-]+:\/\//.exec(before)?.[0].length ?? 0;
  const at = before.indexOf("//", from === 0 ? 1 : from);
  const address = at === -1 ? before : before.slice(0, at);
  const subfolder = at === -1 ? undefined : before.slice(at + 2).replace(/\/+$/, "");
  if (subfolder !== undefined) checkSubfolder(subfolder, text);
  return {
    address,
    ...(subfolder === undefined ? {} : { subfolder }),
    ...(ref === undefined ? {} : { ref }),
  };
}

// The rules of git check-ref-format, and no name that reads as an option or an expression.
function checkRef(ref: string, text: string): void {
  const wrong =
    ref === "" ||
    ref.length > 200 ||
    /^[-/.]|[\s~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.lock$|\.$/.test(ref) ||
    ref === "@";
  if (wrong) throw invalid(text, `'${ref}' is no name of a branch or tag and no commit`);
}

function checkSubfolder(subfolder: string, text: string): void {
  const fault = pathFault(subfolder);
  if (fault !== undefined) throw invalid(text, `the subfolder '${subfolder}' ${fault}`);
}

const isArchive = (path: string): boolean => /\.(tgz|tar\.gz)$/i.test(path);

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

function invalid(text: string, why: string, hint?: string): XcoreError {
  return new XcoreError("SOURCE_INVALID", `'${text.slice(0, 200)}' can't be installed from: ${why}`, {
    hint: hint ?? "Give a git address (https://…, ssh://…, git@host:path), a .tgz archive or a folder.",
  });
}

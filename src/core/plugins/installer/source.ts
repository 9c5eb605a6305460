// Where a plugin is to come from, as people write it: a git address, an archive or a folder. Decided before git or the network is touched.
import { resolve } from "node:path";
import { XcoreError } from "../../base/error.ts";
import type { LockedSource } from "../lock.ts";
import { parseNpmSpec } from "./npm-spec.ts";
import { parseRegistrySpec, type RegistrySource } from "../registries/spec.ts";
import type { GitSource, NpmSource, Source, SourceContext, TarballSource } from "./source-kinds.ts";
import { local } from "./source-local.ts";
import { checkSubfolder, invalid, isArchive, split } from "./source-parts.ts";

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
    if (context.remoteOnly === true) throw invalid(text, "it is a place on this machine");
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
    const { ref, commit, submodules } = locked;
    return { ...source, subfolder, ref, commit, ...(submodules === undefined ? {} : { submodules }) };
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

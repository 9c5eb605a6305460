// Where a registry is, and how a file of it comes here: a folder, a folder on a web server, a git repository.
import { copyFile, mkdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { XcoreError, messageOf } from "../../base/error.ts";
import { SourceCache } from "../installer/cache.ts";
import type { Caps } from "../installer/caps.ts";
import { download } from "../installer/download.ts";
import { fetchGit } from "../installer/git.ts";
import { isLoopback, parseSource } from "../installer/source.ts";
import { StagedTree } from "../installer/staged-tree.ts";

export interface PlaceOptions {
  workspace: string;
  stateFolder: string;
  /** A new empty folder. */
  room: string;
  caps: Caps;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  onProgress(message: string): void;
}

/** Brings the file `folder/name` of the registry at `url` into the room; says where it is. Throws `SOURCE_UNREACHABLE`, `SOURCE_INVALID`. */
export async function fetchFile(
  url: string,
  file: { folder: string; name: string },
  options: PlaceOptions,
): Promise<string> {
  const { room, workspace } = options;
  const target = join(room, "registry", file.folder, file.name);
  await mkdir(dirname(target), { recursive: true });
  if (url.startsWith("git+")) return fromGit(url, file, options);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    await download({ ...options, url: addressOf(url, file), file: target });
    return target;
  }
  const source = join(resolve(workspace, url), file.folder, file.name);
  try {
    const { size } = await stat(source);
    if (size > options.caps.transferBytes) throw new Error(`it has ${size} bytes`);
    await copyFile(source, target);
  } catch (error) {
    throw new XcoreError("SOURCE_UNREACHABLE", `${source} can't be read: ${messageOf(error)}`, {
      hint: "See that the registry's folder is there: registries in integration.yaml.",
      details: { url },
    });
  }
  return target;
}

function addressOf(url: string, file: { folder: string; name: string }): string {
  const base = URL.parse(url.endsWith("/") ? url : `${url}/`);
  const safe = base?.protocol === "https:" || (base?.protocol === "http:" && isLoopback(base.hostname));
  if (base === null || !safe || base.username !== "" || base.password !== "") {
    throw new XcoreError("SOURCE_INVALID", `'${url}' is no address of a registry`, {
      hint: "Use https://… without credentials, a folder, or git+https://… for a git repository.",
    });
  }
  return new URL(`${file.folder}/${encodeURIComponent(file.name)}`, base).href;
}

// Of the default branch as it is now, or of the branch or tag behind '#'. Only the folder's own files are fetched.
async function fromGit(
  url: string,
  file: { folder: string; name: string },
  options: PlaceOptions,
): Promise<string> {
  const { workspace, room, caps } = options;
  const source = await parseSource(url, { cwd: workspace, workspace });
  if (source.type !== "git" || source.subfolder !== undefined) {
    throw new XcoreError("SOURCE_INVALID", `'${url}' is no address of a git repository`, {
      hint: "Write git+https://host/path.git or git+ssh://git@host/path.git.",
    });
  }
  const folder = join(room, `registry-files-${file.folder.replaceAll("/", "-")}`);
  await mkdir(folder);
  const cache = new SourceCache(join(room, "registry-cache"));
  await fetchGit(
    {
      ...options,
      folder: join(room, `registry-git-${file.folder.replaceAll("/", "-")}`),
      source: { ...source, subfolder: file.folder },
      cache,
    },
    new StagedTree(folder, caps),
  );
  return join(folder, file.name);
}

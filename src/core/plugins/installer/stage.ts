// Brings a source into a new folder of ours and says what exactly was brought.
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError } from "../../base/error.ts";
import type { LockedSource } from "../lock.ts";
import { manifestFile } from "../read-manifest.ts";
import type { Caps } from "./caps.ts";
import { download } from "./download.ts";
import { copyFolder } from "./folder.ts";
import { fetchGit } from "./git.ts";
import type { GitSource, Source, TarballSource } from "./source.ts";
import { StagedTree } from "./staged-tree.ts";
import { unpackTarball } from "./tarball.ts";

export interface StageOptions {
  /** An empty folder that whatever is needed may be put into. */
  room: string;
  caps: Caps;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  onProgress(message: string): void;
}

export interface Staged {
  /** The plugin's files, and nothing else. */
  folder: string;
  source: LockedSource;
}

export async function stage(source: Source, options: StageOptions): Promise<Staged> {
  const folder = join(options.room, "plugin");
  await mkdir(folder);
  switch (source.type) {
    case "git":
      return { folder, source: await stageGit(source, folder, options) };
    case "tarball":
      return { folder, source: await stageTarball(source, folder, options) };
    case "folder":
      await copyFolder(source.folder, new StagedTree(folder, options.caps));
      return { folder, source: { type: "folder", path: source.path } };
  }
}

async function stageGit(source: GitSource, folder: string, options: StageOptions): Promise<LockedSource> {
  const { room, caps, env, signal, onProgress } = options;
  const repository = join(room, "repository");
  const { commit, tree } = await fetchGit(
    { folder: repository, source, caps, env, signal, onProgress },
    new StagedTree(folder, caps),
  );
  await rm(repository, { recursive: true, force: true });
  const { url, ref, subfolder } = source;
  return { type: "git", url, ref, subfolder, commit, tree };
}

async function stageTarball(
  source: TarballSource,
  folder: string,
  options: StageOptions,
): Promise<LockedSource> {
  const { room, caps, signal, onProgress } = options;
  const { location, url, subfolder } = source;
  const file = source.remote ? join(room, "archive.tgz") : location;
  if (source.remote) await download({ url: location, file, caps, signal, onProgress });
  onProgress("unpacking");
  const unpacked = join(room, "unpacked");
  await mkdir(unpacked);
  await unpackTarball({ file, label: url, caps }, new StagedTree(unpacked, caps));
  const top = await topFolder(unpacked);
  const root = subfolder === undefined ? top : join(top, subfolder);
  if ((await stat(root).catch(() => undefined))?.isDirectory() !== true) {
    throw new XcoreError("SOURCE_INVALID", `${url} has no folder '${subfolder}'`, {
      hint: "Check the folder's name behind '//'.",
    });
  }
  await rm(folder, { recursive: true });
  await rename(root, folder);
  return { type: "tarball", url, subfolder };
}

// npm pack puts everything under package/, forges under <repository>-<commit>/.
async function topFolder(folder: string): Promise<string> {
  const [first, ...others] = await readdir(folder, { withFileTypes: true });
  if (first?.isDirectory() !== true || others.length > 0 || first.name === manifestFile) return folder;
  return join(folder, first.name);
}

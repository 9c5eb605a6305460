// Brings a source into a new folder of ours and says what exactly was brought.
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import type { LockedSource } from "../lock.ts";
import { manifestFile } from "../read-manifest.ts";
import { fetchFromRegistry } from "../registries/fetch.ts";
import type { RegistrySource } from "../registries/spec.ts";
import { SourceCache } from "./cache.ts";
import type { Caps } from "./caps.ts";
import { download } from "./download.ts";
import { copyFolder } from "./folder.ts";
import { fetchGit } from "./git.ts";
import { anotherDigest, fetchNpm } from "./npm.ts";
import type { GitSource, NpmSource, Source, TarballSource } from "./source-kinds.ts";
import { StagedTree } from "./staged-tree.ts";
import { unpackTarball } from "./tarball.ts";

export interface StageOptions {
  /** An empty folder that whatever is needed may be put into. */
  room: string;
  /** The project's folder: its .npmrc is in force. */
  workspace: string;
  /** The project's `.xcore/`: what was fetched is kept below it. */
  stateFolder: string;
  /** The registry each npm scope was approved from. */
  scopes: Readonly<Record<string, string>>;
  registries: Config["registries"];
  caps: Caps;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  onProgress(message: string): void;
}

export interface Staged {
  /** The plugin's files, and nothing else. */
  folder: string;
  source: LockedSource;
  /** The key whose signature it must carry: the name is that key's in its registry. */
  owner?: string | undefined;
}

export async function stage(source: Source, options: StageOptions): Promise<Staged> {
  const folder = join(options.room, "plugin");
  await mkdir(folder);
  switch (source.type) {
    case "git":
      return { folder, source: await stageGit(source, folder, options) };
    case "npm":
      return { folder, source: await stageNpm(source, folder, options) };
    case "registry":
      return { folder, ...(await stageFromRegistry(source, folder, options)) };
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
  const cache = new SourceCache(options.stateFolder);
  const { commit, tree } = await fetchGit(
    { folder: repository, source, caps, env, signal, onProgress, cache },
    new StagedTree(folder, caps),
  );
  const { url, ref, subfolder, submodules } = source;
  const asked = submodules === undefined ? {} : { submodules };
  return { type: "git", url, ref, subfolder, ...asked, commit, tree };
}

async function stageNpm(source: NpmSource, folder: string, options: StageOptions): Promise<LockedSource> {
  const { caps } = options;
  const fetched = await fetchNpm(source, { ...options, cache: new SourceCache(options.stateFolder) });
  await unpack({ file: fetched.file, label: `npm:${source.name}`, caps }, undefined, folder, options);
  return fetched.source;
}

async function stageFromRegistry(
  source: RegistrySource,
  folder: string,
  options: StageOptions,
): Promise<Omit<Staged, "folder">> {
  const place = join(options.room, "from-registry");
  await mkdir(place);
  const room = (): Promise<string> => mkdtemp(join(place, "room-"));
  const fetched = await fetchFromRegistry(source, { ...options, room });
  const label = `${source.name}@${fetched.source.release}`;
  await unpack({ file: fetched.file, label, caps: options.caps }, undefined, folder, options);
  return { source: fetched.source, owner: fetched.owner };
}

async function stageTarball(
  source: TarballSource,
  folder: string,
  options: StageOptions,
): Promise<LockedSource> {
  const { caps } = options;
  const { location, url, subfolder } = source;
  if (!source.remote) {
    await unpack({ file: location, label: url, caps }, subfolder, folder, options);
    return { type: "tarball", url, subfolder };
  }
  const { file, archive } = await remoteArchive(source, options);
  await unpack({ file, label: url, caps }, subfolder, folder, options);
  return { type: "tarball", url, subfolder, archive };
}

async function remoteArchive(
  { location, url, archive: expected }: TarballSource,
  { room, caps, signal, onProgress, stateFolder }: StageOptions,
): Promise<{ file: string; archive: string }> {
  const cache = new SourceCache(stateFolder);
  const known = expected === undefined ? undefined : await cache.archive(expected);
  if (expected !== undefined && known !== undefined) return { file: known, archive: expected };
  const fetched = join(room, "archive.tgz");
  const archive = await download({ url: location, file: fetched, caps, signal, onProgress });
  if (expected !== undefined && archive !== expected) throw anotherDigest(url, location);
  return { file: await cache.keepArchive(fetched, archive), archive };
}

async function unpack(
  archive: { file: string; label: string; caps: Caps },
  subfolder: string | undefined,
  folder: string,
  { room, caps, onProgress }: StageOptions,
): Promise<void> {
  onProgress("unpacking");
  const unpacked = join(room, "unpacked");
  await mkdir(unpacked);
  await unpackTarball(archive, new StagedTree(unpacked, caps));
  const top = await topFolder(unpacked);
  const root = subfolder === undefined ? top : join(top, subfolder);
  if ((await stat(root).catch(() => undefined))?.isDirectory() !== true) {
    throw new XcoreError("SOURCE_INVALID", `${archive.label} has no folder '${subfolder}'`, {
      hint: "Check the folder's name behind '//'.",
    });
  }
  await rm(folder, { recursive: true });
  await rename(root, folder);
}

// npm pack puts everything under package/, forges under <repository>-<commit>/.
async function topFolder(folder: string): Promise<string> {
  const [first, ...others] = await readdir(folder, { withFileTypes: true });
  if (first?.isDirectory() !== true || others.length > 0 || first.name === manifestFile) return folder;
  return join(folder, first.name);
}

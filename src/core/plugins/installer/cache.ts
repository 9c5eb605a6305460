// What was fetched before, so that a known commit or archive needs no network: named by what it holds, the oldest go.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";

const mostEntries = 24;

export class SourceCache {
  readonly #folder: string;

  /** `stateFolder`: the project's `.xcore/`. */
  constructor(stateFolder: string) {
    this.#folder = join(stateFolder, "cache");
  }

  /** The file of an archive with this digest (`sha512-…`), hashed anew; undefined when it is not there or is no longer that. */
  async archive(digest: string): Promise<string | undefined> {
    const file = join(this.#folder, "archives", fileName(digest));
    if ((await digestOf(file).catch(() => undefined)) !== digest) return undefined;
    await touch(file);
    return file;
  }

  /** Takes the file over and says where it is now. */
  async keepArchive(file: string, digest: string): Promise<string> {
    return this.#keep(file, "archives", fileName(digest));
  }

  /** A bare repository that holds this commit of this address. */
  async repository(url: string, commit: string): Promise<string | undefined> {
    const folder = join(this.#folder, "git", repositoryName(url, commit));
    if ((await stat(folder).catch(() => undefined)) === undefined) return undefined;
    await touch(folder);
    return folder;
  }

  async keepRepository(folder: string, url: string, commit: string): Promise<void> {
    await this.#keep(folder, "git", repositoryName(url, commit));
  }

  async #keep(from: string, kind: string, name: string): Promise<string> {
    const place = join(this.#folder, kind);
    const to = join(place, name);
    await mkdir(place, { recursive: true, mode: 0o700 });
    await rm(to, { recursive: true, force: true });
    // Another process may have put the same there in between: then that one is as good.
    await rename(from, to).catch(() => undefined);
    await prune(place);
    return to;
  }
}

/** `sha512-` and base64, as npm writes it. */
export async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha512");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return `sha512-${hash.digest("base64")}`;
}

const fileName = (digest: string): string =>
  `${Buffer.from(digest.slice("sha512-".length), "base64").toString("hex")}.tgz`;

const repositoryName = (url: string, commit: string): string =>
  `${createHash("sha256").update(url).digest("hex").slice(0, 16)}-${commit}`;

async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined);
}

async function prune(place: string): Promise<void> {
  const names = await readdir(place);
  if (names.length <= mostEntries) return;
  const aged = await Promise.all(
    names.map(async (name) => ({
      name,
      at: (await stat(join(place, name)).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  );
  const oldest = aged.sort((a, b) => b.at - a.at).slice(mostEntries);
  for (const { name } of oldest) await rm(join(place, name), { recursive: true, force: true });
}

// The one way a stranger's file comes onto the disk: as a regular file, at a checked path, with one of two modes, under caps.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { XcoreError } from "../../base/error.ts";
import { formatSize } from "../../base/units.ts";
import type { Caps } from "./caps.ts";
import { PathGuard } from "./paths.ts";

export class StagedTree {
  readonly folder: string;
  readonly #caps: Caps;
  readonly #guard = new PathGuard();
  readonly #folders = new Set<string>();
  #files = 0;
  #bytes = 0;

  /** `folder` must be new. */
  constructor(folder: string, caps: Caps) {
    this.folder = folder;
    this.#caps = caps;
  }

  get files(): number {
    return this.#files;
  }

  /** Checks path and caps before the content is at hand. Returns whether the file is wanted at all. */
  claim(path: string, bytes: number): boolean {
    this.#guard.add(path);
    this.#files += 1;
    this.#bytes += bytes;
    if (this.#files > this.#caps.files) throw tooLarge(`it has more than ${this.#caps.files} files`);
    if (bytes > this.#caps.fileBytes) {
      throw tooLarge(`'${path}' has ${formatSize(bytes)}, more than ${formatSize(this.#caps.fileBytes)}`);
    }
    if (this.#bytes > this.#caps.totalBytes) {
      throw tooLarge(`it has more than ${formatSize(this.#caps.totalBytes)}`);
    }
    return !isToolConfig(path);
  }

  /** Writes a file that was claimed. Set-id bits, owners and times stay behind. */
  async write(path: string, content: Uint8Array, executable: boolean): Promise<void> {
    const file = join(this.folder, path);
    const folder = dirname(file);
    if (!this.#folders.has(folder)) {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      this.#folders.add(folder);
    }
    await writeFile(file, content, { flag: "wx", mode: executable ? 0o755 : 0o644 });
  }
}

// A .npmrc in a plugin would choose the registry and could send the environment's tokens there.
function isToolConfig(path: string): boolean {
  return /(^|\/)\.npmrc$/i.test(path);
}

function tooLarge(what: string): XcoreError {
  return new XcoreError("SOURCE_INVALID", `the source is too large for a plugin: ${what}`, {
    hint: "Name the plugin's folder within it (…//folder), or ask its author to leave out what does not run.",
  });
}

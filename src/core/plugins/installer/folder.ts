// Copies a plugin out of a folder: regular files only, links are refused, what tools keep beside the code stays behind.
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError, messageOf, systemCode } from "../../base/error.ts";
import { isPackName } from "../signatures/pack-name.ts";
import type { StagedTree } from "./staged-tree.ts";

// Dependencies are installed anew, so that what a developer's folder happens to hold is not what runs.
const leftBehind = new Set([".git", ".xcore", "node_modules"]);

/** Throws `SOURCE_INVALID` for links, sockets and devices. */
export async function copyFolder(folder: string, target: StagedTree): Promise<void> {
  try {
    await copy(folder, "", target);
  } catch (error) {
    if (error instanceof XcoreError) throw error;
    const why = systemCode(error) === "ENOENT" ? "there is no such folder" : messageOf(error);
    throw new XcoreError("SOURCE_INVALID", `${folder} can't be copied: ${why}`, {
      hint: "See that the folder is there and readable.",
      cause: error,
    });
  }
}

async function copy(folder: string, prefix: string, target: StagedTree): Promise<void> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true });
  for (const entry of entries) {
    if (leftBehind.has(entry.name) || (prefix === "" && isPackName(entry.name))) continue;
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) {
      await copy(folder, path, target);
    } else if (entry.isFile()) {
      await copyFile(folder, path, target);
    } else {
      throw new XcoreError("SOURCE_INVALID", `${folder} is not installed: '${path}' is no regular file`, {
        hint: "A plugin holds regular files only: replace links by the files themselves.",
      });
    }
  }
}

// Opened without following a link: the entry may have become one since it was listed.
async function copyFile(folder: string, path: string, target: StagedTree): Promise<void> {
  await using handle = await open(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW);
  const info = await handle.stat();
  if (!target.claim(path, info.size)) return;
  const content = Buffer.alloc(info.size);
  const { bytesRead } = await handle.read(content, 0, info.size, 0);
  await target.write(path, content.subarray(0, bytesRead), (info.mode & 0o100) !== 0);
}

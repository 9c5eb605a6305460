// A file that is written anew, whole or not at all.
import { open, rename, rm } from "node:fs/promises";

/**
 * Written beside, flushed and renamed into place: a reader, and whoever comes after a crash, sees the old file or the new one.
 * `mark` is part of the name beside; two who may write at the same time must differ in it.
 */
export async function replaceFile(file: string, content: string | Buffer, mark: string): Promise<void> {
  const beside = `${file}.${mark}.tmp`;
  try {
    await using handle = await open(beside, "w", 0o644);
    await handle.writeFile(content);
    await handle.sync();
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

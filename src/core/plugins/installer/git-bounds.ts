// The bounds of a fetch by git: how long it may take, how much it may bring, and whoever wants it to stop.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError } from "../../base/error.ts";
import { formatSize } from "../../base/units.ts";
import type { Caps } from "./caps.ts";
import { watchSize } from "./folder-size.ts";
import { GitRepository, gitFault, type GitOptions } from "./git-repository.ts";
import type { GitSource } from "./source-kinds.ts";

/** Runs `work` with a repository in `options.folder`. Throws `SOURCE_UNREACHABLE`, or `SOURCE_INVALID` when it grows beyond the cap. */
export async function withinBounds<T>(
  options: GitOptions,
  work: (git: GitRepository, bounded: GitOptions) => Promise<T>,
): Promise<T> {
  const { source, caps, folder } = options;
  const stop = new AbortController();
  const deadline = AbortSignal.timeout(caps.fetchMs);
  await mkdir(folder, { recursive: true });
  await using watch = watchSize(join(folder, "objects"), caps.transferBytes, () => stop.abort());
  try {
    const bounded = { ...options, signal: AbortSignal.any([stop.signal, deadline, options.signal]) };
    return await work(await GitRepository.create(bounded), bounded);
  } catch (error) {
    options.signal.throwIfAborted();
    if (watch.exceeded) {
      throw tooLarge(source, caps);
    }
    if (deadline.aborted) {
      throw new XcoreError(
        "SOURCE_UNREACHABLE",
        `${source.url} was not fetched within ${Math.round(caps.fetchMs / 1000)} s`,
        { hint: "Try again, or give an archive." },
      );
    }
    throw gitFault(error, source);
  }
}

export function tooLarge(source: GitSource, caps: Caps): XcoreError {
  return new XcoreError("SOURCE_INVALID", `${source.url} is larger than ${formatSize(caps.transferBytes)}`, {
    hint: "Name the plugin's folder within it (…//folder), or give an archive of the plugin alone.",
  });
}

// Unpacks an archive: every entry is looked at by our own rules, and only regular files are written.
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { Parser, type ReadEntry } from "tar";
import { XcoreError, messageOf } from "../../base/error.ts";
import { formatSize } from "../../base/units.ts";
import type { Caps } from "./caps.ts";
import type { StagedTree } from "./staged-tree.ts";

export interface TarballOptions {
  /** The archive, on disk. */
  file: string;
  /** For messages. */
  label: string;
  caps: Caps;
}

const ignored = new Set(["Directory", "GNUDumpDir"]);

/** Throws `SOURCE_INVALID` on the first entry that is no plain file, lies outside, or exceeds a cap. */
export async function unpackTarball(options: TarballOptions, target: StagedTree): Promise<void> {
  const { file, label, caps } = options;
  const deadline = AbortSignal.timeout(caps.fetchMs);
  const stop = new AbortController();
  let fault: unknown;
  let unpacked = 0;
  let writes = Promise.resolve();
  const fail = (error: unknown): void => {
    fault ??= error;
    stop.abort();
  };
  const parser = new Parser({
    strict: true,
    maxDecompressionRatio: 1000,
    onReadEntry: (entry) => {
      try {
        unpacked += entry.size;
        if (unpacked > caps.transferBytes) throw tooLarge(label, caps);
        const content = accept(entry, label, target);
        if (content !== undefined) writes = Promise.all([writes, content.catch(fail)]).then(() => undefined);
      } catch (error) {
        entry.resume();
        fail(error);
      }
    },
  });
  const parsed = Promise.withResolvers<void>();
  parser.on("error", parsed.reject);
  parser.on("abort", parsed.reject);
  parser.on("end", () => parsed.resolve());
  parsed.promise.catch(() => undefined);
  try {
    await pipeline(
      createReadStream(file),
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          if (fault !== undefined) return;
          if (!parser.write(chunk)) await drained(parser, stop.signal);
        }
        parser.end();
        await parsed.promise;
      },
      { signal: AbortSignal.any([deadline, stop.signal]) },
    );
  } catch (error) {
    fault ??= deadline.aborted ? new Error(`it was not read within ${caps.fetchMs} ms`) : error;
  }
  await writes;
  if (fault instanceof XcoreError) throw fault;
  if (fault !== undefined) {
    throw new XcoreError("SOURCE_INVALID", `${label} is no readable .tgz archive: ${messageOf(fault)}`, {
      hint: "Make it with npm pack or tar -czf.",
      cause: fault,
    });
  }
  if (target.files === 0) {
    throw new XcoreError("SOURCE_INVALID", `${label} holds no files`, {
      hint: "Make it with npm pack or tar -czf.",
    });
  }
}

function accept(entry: ReadEntry, label: string, target: StagedTree): Promise<void> | undefined {
  if (entry.meta || ignored.has(entry.type)) {
    if (ignored.has(entry.type) && /(^|\/)\.\.(\/|$)|^\//.test(entry.path)) throw outside(label, entry.path);
    entry.resume();
    return undefined;
  }
  if (entry.type !== "File" && entry.type !== "OldFile" && entry.type !== "ContiguousFile") {
    throw new XcoreError(
      "SOURCE_INVALID",
      `${label} is not installed: '${entry.path}' is a ${kindOf(entry.type)}`,
      {
        hint: "A plugin holds regular files only; ask its author to put the files themselves there.",
      },
    );
  }
  const path = entry.path.replace(/^(\.\/)+/, "");
  if (!target.claim(path, entry.size)) {
    entry.resume();
    return undefined;
  }
  const executable = ((entry.mode ?? 0) & 0o100) !== 0;
  return entry.concat().then((content) => target.write(path, content as Buffer, executable));
}

function drained(parser: Parser, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  parser.once("drain", () => resolve());
  parser.once("end", () => resolve());
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

const kindOf = (type: string): string => type.replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();

function outside(label: string, path: string): XcoreError {
  return new XcoreError("SOURCE_INVALID", `${label} is not installed: '${path}' leads out of its folder`, {
    hint: "Tell its author; nothing was changed here.",
  });
}

function tooLarge(label: string, caps: Caps): XcoreError {
  return new XcoreError("SOURCE_INVALID", `${label} unpacks to more than ${formatSize(caps.transferBytes)}`, {
    hint: "Ask its author to leave out what does not run.",
  });
}

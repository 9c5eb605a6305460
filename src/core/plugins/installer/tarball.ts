// Unpacks an archive: every entry is looked at by our own rules, and only regular files are written.
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
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
  let ended = false;
  // It is given what is unpacked already: its own unpacking can't be stopped while it works, and takes the square of the time for
  // what follows the archive's end.
  const parser = new Parser({
    strict: true,
    brotli: false,
    zstd: false,
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
  parser.on("eof", () => (ended = true));
  // Sparse files, and kinds nobody has heard of: passed over by others, a plugin that lacks a file here.
  parser.on("ignoredEntry", (entry: ReadEntry) => fail(irregular(label, entry)));
  parsed.promise.catch(() => undefined);
  try {
    const isPacked = await isGzip(file);
    await pipeline(
      createReadStream(file),
      isPacked ? createGunzip() : new PassThrough(),
      async (chunks: AsyncIterable<Buffer>) => {
        let bytes = 0;
        for await (const chunk of chunks) {
          if (fault !== undefined) return;
          if (bytes === 0 && startsGzip(chunk)) throw new Error("it is packed twice");
          bytes += chunk.length;
          if (bytes > caps.transferBytes) throw tooLarge(label, caps);
          if (!ended && !parser.write(chunk)) await drained(parser, stop.signal);
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
    throw irregular(label, entry);
  }
  const path = entry.path.replace(/^(\.\/)+/, "");
  if (!target.claim(path, entry.size)) {
    entry.resume();
    return undefined;
  }
  const executable = ((entry.mode ?? 0) & 0o100) !== 0;
  return entry.concat().then((content) => target.write(path, content as Buffer, executable));
}

function irregular(label: string, { path, type }: ReadEntry): XcoreError {
  return new XcoreError("SOURCE_INVALID", `${label} is not installed: '${path}' is a ${kindOf(type)}`, {
    hint: "A plugin holds regular files only; ask its author to put the files themselves there.",
  });
}

// A server may have unpacked it on its way, by Content-Encoding.
async function isGzip(file: string): Promise<boolean> {
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
  return startsGzip(buffer.subarray(0, bytesRead));
}

const startsGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

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

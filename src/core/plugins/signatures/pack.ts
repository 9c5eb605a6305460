// A plugin as one .tgz whose bytes depend on its files alone: sorted, one owner, one time, two modes, and stored instead of
// compressed, since compressors differ from version to version and from machine to machine.
import { crc32 } from "node:zlib";
import { Header, Pax } from "tar";
import type { SignedFile } from "./signed-files.ts";

/** Everything lies under it, as npm packs. */
const top = "package/";
// 1985-10-26T08:15:00Z, as npm writes it: some tools refuse the year 1970.
const mtime = new Date(499_162_500_000);
const block = 512;
const largestStored = 65_535;

/** `files` sorted by path. */
export function packBytes(files: readonly SignedFile[]): Buffer {
  const parts = files.flatMap(({ path, executable, content }) => {
    const padding = Buffer.alloc((block - (content.length % block)) % block);
    return [...heads(`${top}${path}`, executable, content.length), content, padding];
  });
  return gzipStored(Buffer.concat([...parts, Buffer.alloc(2 * block)]));
}

function heads(path: string, executable: boolean, size: number): Buffer[] {
  const fields = {
    path,
    mode: executable ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    uname: "",
    gname: "",
    size,
    mtime,
    type: "File",
  } as const;
  const head = Buffer.alloc(block);
  const needsPax = new Header(fields).encode(head, 0);
  if (!needsPax) return [head];
  return [new Pax({ path }).encode(), head];
}

/** RFC 1952 around RFC 1951's stored blocks: no time, no name, no system. */
function gzipStored(bytes: Buffer): Buffer {
  const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  const blocks: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += largestStored) {
    const content = bytes.subarray(from, from + largestStored);
    const before = Buffer.alloc(5);
    before[0] = from + largestStored >= bytes.length ? 1 : 0;
    before.writeUInt16LE(content.length, 1);
    before.writeUInt16LE(content.length ^ 0xffff, 3);
    blocks.push(before, content);
  }
  const end = Buffer.alloc(8);
  end.writeUInt32LE(crc32(bytes), 0);
  end.writeUInt32LE(bytes.length >>> 0, 4);
  return Buffer.concat([head, ...blocks, end]);
}

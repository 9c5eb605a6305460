// multipart/form-data, both ways. https://www.rfc-editor.org/rfc/rfc7578 and https://html.spec.whatwg.org/#multipart-form-data
import { bytesOf, File } from "./blob.ts";
import { bytesFromWire, latin1FromBytes, textFromWire } from "./bytes.ts";
import { loadMultipart } from "./polyfills.ts";

const maxParts = 1000;

/** The entries of a body. Throws a `TypeError` on what is no such body. */
export function readMultipart(contentType: string, body: Uint8Array): [string, string | File][] {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(contentType);
  const word = boundary?.[1] ?? boundary?.[2];
  if (word === undefined) throw new TypeError("formData: the content type names no boundary");
  const entries: [string, string | File][] = [];
  try {
    const limits = { maxParts, maxFileSize: body.length, maxTotalSize: body.length };
    for (const { name, filename, mediaType, bytes } of loadMultipart()(body, { boundary: word, ...limits })) {
      if (name === undefined) throw new TypeError("a part has no name");
      const value =
        filename === undefined
          ? textFromWire(latin1FromBytes(bytes), "latin1")
          : new File([bytes], unquoted(filename), { type: mediaType ?? "application/octet-stream" });
      entries.push([unquoted(name), value]);
    }
  } catch (error) {
    throw new TypeError(`formData: the body is no multipart/form-data: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return entries;
}

/** The body as bytes, one code unit each, and its content type. */
export function writeMultipart(entries: Iterable<[string, string | File]>): { text: string; type: string } {
  const boundary = `----xcore-${crypto.randomUUID()}`;
  let text = "";
  for (const [name, value] of entries) {
    text += `--${boundary}\r\ncontent-disposition: form-data; name="${latin1(quoted(name))}"`;
    if (typeof value === "string") text += `\r\n\r\n${latin1(value.replace(/\r?\n|\r/g, "\r\n"))}\r\n`;
    else {
      const type = value.type === "" ? "application/octet-stream" : value.type;
      text += `; filename="${latin1(quoted(value.name))}"\r\ncontent-type: ${type}\r\n\r\n`;
      text += `${latin1FromBytes(bytesOf(value))}\r\n`;
    }
  }
  return { text: `${text}--${boundary}--\r\n`, type: `multipart/form-data; boundary=${boundary}` };
}

function quoted(name: string): string {
  return name.replace(/\r?\n|\r/g, "%0D%0A").replaceAll('"', "%22");
}

function unquoted(name: string): string {
  return name.replace(/%0A|%0D|%22/gi, decodeURIComponent);
}

function latin1(text: string): string {
  return latin1FromBytes(bytesFromWire(text, "utf8"));
}

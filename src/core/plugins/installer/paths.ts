// Paths that strangers chose: what of them may become a file of ours.
import { XcoreError } from "../../base/error.ts";

const longestPath = 1024;
const deepest = 32;

// What git on some file system would take for its own folder: letter case, trailing dots and blanks, 8.3 names, ignorable characters.
const ignorable = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;
const gitFolder = /^(\.git|git~\d+)[\s.]*(:.*)?$/i;
const deviceName = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;

/** Why a relative path with `/` between its parts can't be installed, as the rest of a sentence; undefined when it can. */
export function pathFault(path: string): string | undefined {
  if (path === "") return "is empty";
  if (path.length > longestPath) return `is longer than ${longestPath} characters`;
  if (path.startsWith("/") || /^[a-z]:/i.test(path)) return "is absolute";
  if (path.includes("\\")) return "holds a backslash";
  if (/\p{Cc}|\ufffd/u.test(path)) return "holds characters that are no text";
  const parts = path.split("/");
  if (parts.length > deepest) return `is deeper than ${deepest} folders`;
  for (const part of parts) {
    if (part === "" || part === ".") return "holds an empty part";
    if (part === "..") return "leads out of its folder";
    if (Buffer.byteLength(part) > 255) return "holds a name longer than 255 bytes";
    if (gitFolder.test(part.replace(ignorable, ""))) return "lies in a .git folder";
    if (deviceName.test(part)) return `holds '${part}', the name of a device on some systems`;
  }
  return undefined;
}

/** Two paths with the same key are one file where letter case or Unicode form does not count. */
export const foldedPath = (path: string): string => path.normalize("NFKC").toLowerCase();

/** Guards one tree of files: each path is checked, no two may fall together, none may lie under another file. */
export class PathGuard {
  readonly #seen = new Map<string, { path: string; kind: "file" | "folder" }>();

  /** Throws `SOURCE_INVALID` when the file may not be installed. */
  add(path: string): void {
    const fault = pathFault(path);
    if (fault !== undefined) throw refused(`the path ${JSON.stringify(shortened(path))} ${fault}`);
    const parts = path.split("/");
    for (let length = 1; length <= parts.length; length += 1) {
      const here = parts.slice(0, length).join("/");
      this.#claim(here, length === parts.length ? "file" : "folder");
    }
  }

  #claim(path: string, kind: "file" | "folder"): void {
    const key = foldedPath(path);
    const known = this.#seen.get(key);
    if (known === undefined) {
      this.#seen.set(key, { path, kind });
    } else if (known.path !== path || known.kind !== kind || kind === "file") {
      throw refused(
        `the paths ${JSON.stringify(known.path)} and ${JSON.stringify(path)} are the same on some file systems`,
      );
    }
  }
}

function refused(what: string): XcoreError {
  return new XcoreError("SOURCE_INVALID", `the source is not installed: ${what}`, {
    hint: "Tell its author; nothing was changed here.",
  });
}

const shortened = (path: string): string => (path.length > 120 ? `${path.slice(0, 120)}…` : path);

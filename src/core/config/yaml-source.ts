// A YAML file as text with positions: read under a cap, shown in frames that never hold a secret.
import { open } from "node:fs/promises";
import { isAbsolute, relative, sep } from "node:path";
import { XcoreError, messageOf, systemCode } from "../base/error.ts";
import type { Code } from "../base/codes.ts";
import { formatSize } from "../base/units.ts";

/** Offsets into the text: first character, and the one behind the last. */
export type Span = readonly [start: number, end: number];

export interface Position {
  /** Both from 1. */
  line: number;
  column: number;
}

export class YamlSource {
  readonly file: string;
  readonly text: string;
  readonly #lineStarts: number[] = [0];
  readonly #hidden: Span[] = [];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1))
      this.#lineStarts.push(at + 1);
  }

  /** How messages name the file: relative to the current folder where it lies below it. */
  get label(): string {
    const path = relative(process.cwd(), this.file);
    return path === "" || path.startsWith(`..${sep}`) || isAbsolute(path) ? this.file : path;
  }

  position(offset: number): Position {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 };
  }

  /** Marks a literal secret: no frame shows it. */
  hide(span: Span): void {
    this.#hidden.push(span);
  }

  /** The line of the span with a caret under it, as compilers show it. */
  frame(span: Span, width = 96): string {
    const { line, column } = this.position(span[0]);
    const start = this.#lineStarts[line - 1] ?? 0;
    const end = (this.#lineStarts[line] ?? this.text.length + 1) - 1;
    const shown = this.#withoutSecrets(start, end);
    const from = column > width - 16 ? column - Math.floor(width / 2) : 0;
    const clip = `${from > 0 ? "…" : ""}${shown.slice(from + (from > 0 ? 1 : 0), from + width)}`;
    const carets = Math.max(1, Math.min(span[1], start + from + clip.length) - span[0]);
    return `${String(line).padStart(4)} | ${clip}\n     | ${" ".repeat(column - 1 - from)}${"^".repeat(carets)}`;
  }

  #withoutSecrets(start: number, end: number): string {
    let line = this.text.slice(start, end).replace(/\r$/, "").replaceAll("\t", " ");
    for (const [from, to] of this.#hidden) {
      if (to <= start || from >= end || isReference(this.text.slice(from, to))) continue;
      const [first, last] = [Math.max(from - start, 0), Math.min(to - start, line.length)];
      line = line.slice(0, first) + "•".repeat(Math.max(0, last - first)) + line.slice(last);
    }
    return blot(line);
  }
}

/** A reference alone gives nothing away; its default might. */
const isReference = (written: string): boolean =>
  /^["']?\$\{(file:[^}]*|[^}:]*(:-)?)\}["']?$/.test(written.trim());

/** Keys whose values are not for showing. */
export const secretName = /token|secret|password|passwd|credential|private|api_?key/i;

/** Blots out passwords in addresses and, where a broken file has no structure to go by, what stands behind a telling key. */
function blot(line: string): string {
  return line
    .replace(
      /(:\/\/[^\s/:@]+:)(?!\$\{)([^\s/@]+)@/g,
      (_, before: string, word: string) => `${before}${dots(word)}@`,
    )
    .replace(
      /^([^#]*?([\w-]+)["']?\s*:\s+)(?![{[&*"'$])(\S.*)$/,
      (all, before: string, key: string, value: string) =>
        secretName.test(key) ? before + dots(value) : all,
    )
    .replace(/(["']?)([\w-]+)\1(\s*:\s*)(["'])(?!\$\{)([^"']+)/g, (all, _, key: string) =>
      secretName.test(key)
        ? all.replace(/(:\s*["'])(.*)$/, (_, before: string, value: string) => before + dots(value))
        : all,
    );
}

const dots = (text: string): string => "•".repeat(text.length);

export interface ReadLimits {
  /** The code of every fault of this file. */
  code: Code;
  maxBytes: number;
  /** The whole error for a file that is not there. */
  missing: () => XcoreError;
}

/** Reads a whole text file that must be UTF-8 and no larger than the cap. */
export async function readYamlSource(file: string, limits: ReadLimits): Promise<YamlSource> {
  const bytes = await readCapped(file, limits);
  try {
    return new YamlSource(file, new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new XcoreError(limits.code, `${file} is not UTF-8 text`, {
      hint: "Save the file as UTF-8.",
      details: { file },
      cause,
    });
  }
}

async function readCapped(file: string, limits: ReadLimits): Promise<Uint8Array> {
  try {
    await using handle = await open(file, "r");
    const info = await handle.stat();
    if (!info.isFile()) {
      throw new XcoreError(limits.code, `${file} is not a file`, {
        hint: "Put a regular YAML file there.",
        details: { file },
      });
    }
    const buffer = new Uint8Array(limits.maxBytes + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) return buffer.subarray(0, length);
      length += bytesRead;
    }
    throw new XcoreError(
      limits.code,
      `${file} is larger than ${formatSize(limits.maxBytes)}, the most such a file may have`,
      {
        hint: "Move data out of it; this file is for settings.",
        details: { file, size: info.size, cap: limits.maxBytes },
      },
    );
  } catch (cause) {
    if (cause instanceof XcoreError) throw cause;
    if (systemCode(cause) === "ENOENT") throw limits.missing();
    throw new XcoreError(limits.code, `${file} can't be read: ${messageOf(cause)}`, {
      hint: "See that the file belongs to you and is readable.",
      details: { file },
      cause,
    });
  }
}

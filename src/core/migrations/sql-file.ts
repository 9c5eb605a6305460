// A migration file of a plugin: `0001_create_notes.sql`, with `-- migrate:up` and, to be undone, `-- migrate:down`.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode, XcoreError } from "../base/error.ts";
import { splitStatements, type Statement } from "./sql-statements.ts";

export interface SqlFile {
  /** The file's name without `.sql`. */
  readonly name: string;
  readonly path: string;
  /** Of the up part, whatever its line endings; the down part may be mended later. */
  readonly checksum: string;
  readonly up: readonly Statement[];
  /** Undefined: it can't be undone. */
  readonly down: readonly Statement[] | undefined;
}

const namePattern = /^(\d+)[_-][\w-]+\.sql$/;
const marker = /^--[ \t]*migrate:(up|down)[ \t]*$/;

/** In the order of their numbers; an absent folder holds none. */
export async function readSqlFiles(folder: string): Promise<SqlFile[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
  const numbers = new Map<bigint, string>();
  for (const name of names.filter((one) => one.endsWith(".sql") && !one.startsWith("."))) {
    const digits = namePattern.exec(name)?.[1];
    if (digits === undefined) {
      throw fault(join(folder, name), "its name does not begin with a number", {
        hint: "Name it like 0001_create_notes.sql; xcore migrate create does.",
      });
    }
    const other = numbers.get(BigInt(digits));
    if (other !== undefined) {
      throw fault(join(folder, name), `it has the same number as ${other}`, {
        hint: "Give one of them another number: the order of migrations must be certain.",
      });
    }
    numbers.set(BigInt(digits), name);
  }
  const ordered = [...numbers].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => name);
  return Promise.all(
    ordered.map(async (name) => parseSqlFile(join(folder, name), await readFile(join(folder, name), "utf8"))),
  );
}

export function parseSqlFile(path: string, source: string): SqlFile {
  const name = (path.split(/[/\\]/).at(-1) ?? path).replace(/\.sql$/, "");
  const sections = sectionsOf(path, source.replaceAll("\r\n", "\n").replace(/^\uFEFF/, ""));
  const up = sections.get("up");
  if (up === undefined) {
    throw fault(path, "it has no '-- migrate:up' line", {
      hint: "Put that line above what the migration does.",
    });
  }
  const down = sections.get("down");
  const checksum = createHash("sha256").update(up.text.trim()).digest("hex");
  return { name, path, checksum, up: statementsOf(up), down: down && statementsOf(down) };
}

interface Section {
  text: string;
  /** Lines of the file above it. */
  offset: number;
}

/** A file without any marker is an up part. */
function sectionsOf(path: string, source: string): Map<string, Section> {
  const sections = new Map<string, Section>();
  const lines = source.split("\n");
  const marks = lines.flatMap((line, index) => {
    const which = marker.exec(line.trimEnd())?.[1];
    return which === undefined ? [] : [{ which, index }];
  });
  if (marks.length === 0) return new Map([["up", { text: source, offset: 0 }]]);
  const before = lines.slice(0, marks[0]?.index).join("\n");
  if (splitStatements(before).length > 0) {
    throw fault(path, "there is SQL above its first '-- migrate:' line", {
      hint: "Move it below '-- migrate:up'.",
    });
  }
  for (const [position, { which, index }] of marks.entries()) {
    if (sections.has(which)) {
      throw fault(path, `line ${index + 1} is a second '-- migrate:${which}'`, {
        hint: "Write each part once; make two files of two migrations.",
      });
    }
    const end = marks[position + 1]?.index ?? lines.length;
    sections.set(which, { text: lines.slice(index + 1, end).join("\n"), offset: index + 1 });
  }
  return sections;
}

function statementsOf(section: Section): Statement[] {
  return splitStatements(section.text).map(({ text, line }) => ({ text, line: line + section.offset }));
}

function fault(path: string, what: string, options: { hint: string }): XcoreError {
  return new XcoreError("MIGRATION_FAILED", `migration ${path}: ${what}`, {
    ...options,
    details: { file: path },
  });
}

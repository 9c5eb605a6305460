// Faults of a YAML file gathered into one error: each with file, line, column, path, what was expected and what came.
import { XcoreError } from "../base/error.ts";
import type { Code } from "../base/codes.ts";
import type { Span, YamlSource } from "./yaml-source.ts";

export interface Fault {
  /** Where in the data: `["server", "port"]`; empty for the whole file. */
  path: readonly string[];
  span: Span;
  /** A sentence without its full stop: `expected a whole number, got the text "80a"`. */
  message: string;
  expected?: string;
  got?: string;
  hint?: string;
}

export interface FaultReport {
  file: string;
  line: number;
  column: number;
  path: string;
  message: string;
  expected?: string;
  got?: string;
  hint?: string;
}

const mostShown = 20;

/** One error for all faults, in the order of the file; `details.errors` holds every one as a `FaultReport`. */
export function faultsError(code: Code, source: YamlSource, faults: readonly Fault[]): XcoreError {
  const sorted = [...faults].sort((a, b) => a.span[0] - b.span[0]);
  const count = sorted.length === 1 ? "" : ` (${sorted.length} faults)`;
  const blocks = sorted.slice(0, mostShown).map((fault) => block(source, fault));
  if (sorted.length > mostShown) blocks.push(`… and ${sorted.length - mostShown} more`);
  const hints = new Set(sorted.map((fault) => fault.hint).filter((hint) => hint !== undefined));
  const [onlyHint] = hints;
  return new XcoreError(code, [`${source.label} is not valid${count}`, ...blocks].join("\n\n"), {
    hint: hints.size === 1 && onlyHint !== undefined ? onlyHint : `Correct ${source.label} and try again.`,
    details: { file: source.file, errors: sorted.map((fault) => report(source, fault)) },
  });
}

function block(source: YamlSource, fault: Fault): string {
  const { line, column } = source.position(fault.span[0]);
  const where = fault.path.length === 0 ? "" : `${pathText(fault.path)}: `;
  const frame = source.frame(fault.span);
  return `${source.label}:${line}:${column}  ${where}${fault.message}\n${frame}`;
}

function report(source: YamlSource, fault: Fault): FaultReport {
  const { span, path, ...rest } = fault;
  return { file: source.file, ...source.position(span[0]), path: pathText(path), ...rest };
}

/** `plugins.notes.secrets["odd key"]` */
export function pathText(path: readonly string[]): string {
  return path
    .map((key, index) => {
      if (/^\d+$/.test(key)) return `[${key}]`;
      if (!/^[\w-]+$/.test(key)) return `[${JSON.stringify(key)}]`;
      return index === 0 ? key : `.${key}`;
    })
    .join("");
}

// What esbuild complains about, as one error with file, line, column and the line itself.
import { builtinModules } from "node:module";
import type { BuildFailure, Message } from "esbuild";
import { XcoreError } from "../base/error.ts";

interface Subject {
  label: string;
}

export interface CompileFault {
  /** Relative to the plugin's folder. */
  file: string;
  /** 1-based; 0 when the fault has no place. */
  line: number;
  column: number;
  text: string;
  lineText: string;
}

const shownFaults = 5;
const shownLineLength = 160;

const instead: Readonly<Record<string, string>> = {
  fs: "keep data in ctx.db or ctx.cache",
  "fs/promises": "keep data in ctx.db or ctx.cache",
  crypto: "use the global `crypto` (Web Crypto)",
  http: "use `ctx.fetch` with permissions.fetch",
  https: "use `ctx.fetch` with permissions.fetch",
  buffer: "use Uint8Array, TextEncoder, atob and btoa",
  url: "use the global URL and URLSearchParams",
  util: "use TextEncoder, TextDecoder and structuredClone",
  events: "use the global EventTarget, or ctx.events",
  stream: "use the global ReadableStream",
  timers: "use the global setTimeout",
  "timers/promises": "use the global setTimeout",
  process: "take options from ctx.config and secrets from ctx.secrets",
  child_process: "nothing replaces it: a plugin starts no programs",
};

export function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}

export function bundleFailure(failure: BuildFailure, subject: Subject): XcoreError {
  const messages = failure.errors.toSorted(byPlace);
  const imports = messages.map(importOf).filter((found) => found !== undefined);
  if (imports.length > 0) return importFailure(imports, subject);
  const errors = messages.map(faultOf);
  const frames = errors.slice(0, shownFaults).map(frame);
  const more = errors.length > shownFaults ? [`… and ${errors.length - shownFaults} more`] : [];
  return new XcoreError(
    "PLUGIN_COMPILE",
    [`plugin '${subject.label}' does not compile:`, ...frames, ...more].join("\n"),
    { hint: compileHint(errors), details: { errors } },
  );
}

export function outsideFailure(files: readonly string[], subject: Subject): XcoreError {
  const errors = files.map((file) => ({
    file,
    line: 0,
    column: 0,
    text: "lies outside of the plugin",
    lineText: "",
  }));
  return new XcoreError(
    "PLUGIN_COMPILE",
    `plugin '${subject.label}' takes files from outside of its folder: ${files.join(", ")}`,
    {
      hint: "Move them into the plugin's folder, or list their packages under dependencies in its package.json.",
      details: { errors },
    },
  );
}

// esbuild works in parallel, so its own order differs from build to build.
function byPlace({ location: a }: Message, { location: b }: Message): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  return a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column;
}

interface ForeignImport {
  fault: CompileFault;
  module: string;
}

function importFailure(imports: readonly ForeignImport[], subject: Subject): XcoreError {
  const groups = Map.groupBy(imports, ({ fault, module }) => `${packageOf(fault.file) ?? ""}\0${module}`);
  const lines = [...groups.values()].flatMap(([first, ...more]) =>
    first === undefined ? [] : [importLine(first, more.length)],
  );
  const packages = [...new Set(imports.map(({ fault }) => packageOf(fault.file) ?? ""))].filter(Boolean);
  return new XcoreError(
    "PLUGIN_IMPORT",
    [`plugin '${subject.label}' imports what its isolate does not have:`, ...lines].join("\n"),
    {
      hint:
        packages.length === 0
          ? "Remove these imports, or choose packages that also run in browsers or service workers."
          : `Remove these imports, and take packages that also run in browsers or service workers in place of ${packages.join(", ")}.`,
      details: { errors: imports.map(({ fault, module }) => ({ ...fault, module })), packages },
    },
  );
}

// One line for each module a package asks for, however often it does.
function importLine({ fault, module }: ForeignImport, more: number): string {
  const advice = module.endsWith(".node")
    ? "native code can't run in an isolate; look for a JavaScript or WebAssembly-free version"
    : (instead[module.replace(/^node:/, "")] ?? "there is no Node inside an isolate");
  const elsewhere = more === 0 ? "" : ` (and in ${more} more ${more === 1 ? "place" : "places"})`;
  return `  ${place(fault)}: ${module}: ${advice}${elsewhere}`;
}

/** The innermost package a file belongs to; undefined for the plugin's own. */
function packageOf(file: string): string | undefined {
  return /(?:^|.*\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
}

function importOf(message: Message): ForeignImport | undefined {
  const unresolved = /^Could not resolve "([^"]+)"/.exec(message.text)?.[1];
  const native = /^No loader is configured for "\.node" files: (.+)$/.exec(message.text)?.[1];
  if (native !== undefined) return { fault: faultOf(message), module: native };
  if (unresolved === undefined) return undefined;
  const isBuiltin = unresolved.startsWith("node:") || builtinModules.includes(unresolved);
  return isBuiltin ? { fault: faultOf(message), module: unresolved } : undefined;
}

function faultOf({ text, location }: Message): CompileFault {
  return {
    file: location?.file ?? "",
    line: location?.line ?? 0,
    column: location === null ? 0 : location.column + 1,
    text,
    lineText: (location?.lineText ?? "").slice(0, 2000),
  };
}

function frame(fault: CompileFault): string {
  const head = `  ${place(fault)}: ${fault.text}`;
  if (fault.line === 0 || fault.lineText.length > shownLineLength) return head;
  const number = String(fault.line);
  const pad = " ".repeat(number.length);
  // Tabs stay tabs in front of the caret, so that it stands under the right character.
  const indent = fault.lineText.slice(0, Math.max(0, fault.column - 1)).replace(/[^\t]/g, " ");
  return [head, `    ${number} | ${fault.lineText}`, `    ${pad} | ${indent}^`].join("\n");
}

function place(fault: CompileFault): string {
  return fault.line === 0 ? fault.file || "the bundle" : `${fault.file}:${fault.line}:${fault.column}`;
}

function compileHint(errors: readonly CompileFault[]): string {
  const missing = errors
    .map((fault) => /^Could not resolve "([^"./][^"]*)"/.exec(fault.text)?.[1])
    .find((name) => name !== undefined);
  if (missing === undefined) return "Correct the lines above and save.";
  const name = missing
    .split("/")
    .slice(0, missing.startsWith("@") ? 2 : 1)
    .join("/");
  return `Install the package: npm install ${name}`;
}

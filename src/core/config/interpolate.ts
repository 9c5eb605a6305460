// Variables in YAML scalars: `${NAME}`, `${NAME:-default}`, `${file:path}`; `$${` stands for `${` itself.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { systemCode } from "../base/error.ts";
import { nearest } from "../base/nearest.ts";

export interface Variables {
  readonly values: Readonly<Record<string, string | undefined>>;
  /** What paths of `${file:…}` are relative to. */
  readonly folder: string;
}

export interface VariableFault {
  /** Which reference, as written. */
  reference: string;
  message: string;
  hint: string;
}

export type Interpolated = { text: string; used: boolean } | { fault: VariableFault };

const reference = /\$?\$\{([^}]*)(\}?)/g;
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const largestFile = 64 * 1024;

/** Puts values in for references. A value is taken as it is: references inside it mean nothing. */
export function interpolate(text: string, variables: Variables): Interpolated {
  let fault: VariableFault | undefined;
  let used = false;
  const result = text.replaceAll(reference, (written: string, inner: string, close: string) => {
    if (written.startsWith("$$")) return written.slice(1);
    const found = close === "" ? unclosed(written) : lookUp(inner, variables);
    if (typeof found === "string") {
      used = true;
      return found;
    }
    fault ??= found;
    return "";
  });
  return fault === undefined ? { text: result, used } : { fault };
}

function lookUp(inner: string, variables: Variables): string | VariableFault {
  if (inner.startsWith("file:")) return readReferenced(inner.slice("file:".length), variables);
  const split = inner.indexOf(":-");
  const name = split === -1 ? inner : inner.slice(0, split);
  if (!variableName.test(name)) {
    return {
      reference: `\${${inner}}`,
      message: `'\${${inner}}' is no reference to a variable`,
      hint: "Write ${NAME}, ${NAME:-default} or ${file:path}; write $${ for a literal ${.",
    };
  }
  const value = Object.hasOwn(variables.values, name) ? variables.values[name] : undefined;
  if (split !== -1) return value === undefined || value === "" ? inner.slice(split + 2) : value;
  return value ?? missing(name, variables);
}

function missing(name: string, variables: Variables): VariableFault {
  const near = nearest(name, Object.keys(variables.values));
  return {
    reference: `\${${name}}`,
    message: `the variable ${name} is not set${near === undefined ? "" : `; did you mean '${near}'?`}`,
    hint: `Set ${name} in the environment or in .env, or give a default: \${${name}:-value}.`,
  };
}

function readReferenced(path: string, variables: Variables): string | VariableFault {
  const reference = `\${file:${path}}`;
  const hint = "Name an existing text file of at most 64 KB, relative to the project or absolute.";
  if (path.trim() === "") return { reference, message: "'${file:}' names no file", hint };
  try {
    const bytes = readFileSync(resolve(variables.folder, path));
    if (bytes.length > largestFile) {
      return { reference, message: `the file '${path}' has ${bytes.length} bytes`, hint };
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch (cause) {
    const why = systemCode(cause) === "ENOENT" ? "does not exist" : "can't be read as text";
    return { reference, message: `the file '${path}' ${why}`, hint };
  }
}

function unclosed(written: string): VariableFault {
  return {
    reference: written.slice(0, 24),
    message: "'${' has no closing '}'",
    hint: "Close the reference, or write $${ for a literal ${.",
  };
}

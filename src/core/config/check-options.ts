// Options under some key of integration.yaml against a schema that only their owner knows: a provider's, a plugin's.
import { readFileSync } from "node:fs";
import type { ErrorObject } from "ajv";
import type { Json } from "../../wire/json.ts";
import type { Code } from "../base/codes.ts";
import { XcoreError, messageOf } from "../base/error.ts";
import { faultsError, pathText, type Fault } from "./faults.ts";
import { compileForeignSchema } from "./foreign-schema.ts";
import { deepFreeze } from "./freeze.ts";
import { faultsOf } from "./validate.ts";
import { parseYaml, type YamlDocument } from "./yaml-document.ts";
import { YamlSource } from "./yaml-source.ts";

export interface OptionsToCheck {
  /** integration.yaml, absolute: read again for the place of a fault. */
  file: string;
  /** Where the options stand in it: `["services", "cache"]`. */
  path: readonly string[];
  /** JSON Schema. It may come from a stranger: its patterns run under a time limit. */
  schema: object;
  options: Readonly<Record<string, Json>>;
  code: Code;
}

/**
 * The options completed by the schema's defaults, frozen. Text becomes the number or boolean that the schema wants: variables
 * are always text. Throws `code` with every fault at its line and column; a schema that can't be used throws as it is.
 */
export function checkOptions(check: OptionsToCheck): Readonly<Record<string, Json>> {
  const value = structuredClone(check.options) as Record<string, Json>;
  const validate = compileForeignSchema(check.schema);
  let errors: ErrorObject[] = [];
  try {
    if (validate(value)) return deepFreeze(value);
    errors = validate.errors ?? [];
  } catch (cause) {
    // A pattern without end, or a schema that refers to itself for ever.
    throw new XcoreError(check.code, `${pathText(check.path)} can't be checked: ${messageOf(cause)}`, {
      hint: "Simplify the schema of these options.",
      cause,
    });
  }
  throw placed(check, errors);
}

/** The same error with file, line and column of what it is about, where they can be told. */
export function withPlace(error: XcoreError, file: string, path: readonly string[]): XcoreError {
  const document = readAgain(file);
  if (document === undefined) return error;
  const fault: Fault = {
    path,
    span: document.span(path),
    message: error.message.replace(`${pathText(path)}: `, ""),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
  return faultsError(error.code, document.source, [fault]);
}

function placed(check: OptionsToCheck, errors: readonly ErrorObject[]): XcoreError {
  const document = readAgain(check.file);
  if (document !== undefined) {
    const below: YamlDocument = {
      source: document.source,
      value: document.value,
      span: (path, part) => document.span([...check.path, ...path], part),
      fromVariable: (path) => {
        const [start, end] = document.span([...check.path, ...path]);
        return document.source.text.slice(start, end).includes("${");
      },
    };
    return faultsError(check.code, document.source, withPath(check.path, faultsOf(errors, below)));
  }
  const nowhere = parseYaml(new YamlSource(check.file, "")).document;
  const faults = withPath(check.path, faultsOf(errors, nowhere));
  const message = faults.map((fault) => `${pathText(fault.path)}: ${fault.message}`).join("\n");
  return new XcoreError(check.code, message, { hint: "Correct these options and try again." });
}

const withPath = (path: readonly string[], faults: readonly Fault[]): Fault[] =>
  faults.map((fault) => ({ ...fault, path: [...path, ...fault.path] }));

function readAgain(file: string): YamlDocument | undefined {
  try {
    return parseYaml(new YamlSource(file, readFileSync(file, "utf8")), { values: {}, folder: "/" }).document;
  } catch {
    return undefined;
  }
}

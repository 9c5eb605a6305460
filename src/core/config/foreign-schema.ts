// JSON Schemas that others wrote: a provider's options, a plugin's options.
import { runInNewContext } from "node:vm";
import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { systemCode } from "../base/error.ts";

// By the schema object: a manifest's is compiled when it is read, and used when its options are checked.
const compiled = new WeakMap<object, ValidateFunction>();
let shared: Ajv | undefined;

/** Fills defaults in and makes text what the schema wants. Throws when it is no JSON Schema; its patterns run under a time limit. */
export function compileForeignSchema(schema: object): ValidateFunction {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  shared ??= makeAjv();
  try {
    const validate = shared.compile(schema);
    compiled.set(schema, validate);
    return validate;
  } finally {
    // One stranger's $id must not meet another's.
    shared.removeSchema(schema);
  }
}

function makeAjv(): Ajv {
  const ajv = new Ajv({
    allErrors: true,
    verbose: true,
    strict: false,
    useDefaults: true,
    coerceTypes: true,
    code: { regExp: timedPattern },
  });
  addFormats.default(ajv);
  return ajv;
}

// Wall time: an overloaded machine must not make a good pattern fail.
const patternTimeoutMs = 1000;
const mostTries = 20;

const timedPattern = Object.assign(
  (pattern: string, flags: string) => ({
    test: (text: string): boolean => matches({ pattern, flags, text }),
    // Ajv tells patterns apart by this.
    toString: () => `/${pattern}/${flags}`,
  }),
  { code: "timedPattern" },
);

// The limit of node:vm is by the clock: on a busy machine it also strikes who was given no time to run.
function matches(given: { pattern: string; flags: string; text: string }): boolean {
  for (let tries = 1; ; tries += 1) {
    const before = process.threadCpuUsage();
    try {
      const found: unknown = runInNewContext("new RegExp(pattern, flags).test(text)", given, {
        timeout: patternTimeoutMs,
      });
      return found === true;
    } catch (error) {
      // A pattern computes; what the kernel does meanwhile (memory is short, say) is not its doing.
      const ran = process.threadCpuUsage(before).user / 1000 >= patternTimeoutMs / 2;
      if (systemCode(error) !== "ERR_SCRIPT_EXECUTION_TIMEOUT" || ran || tries === mostTries) throw error;
    }
  }
}

// JSON Schemas that others wrote: a provider's options, a plugin's options.
import { runInNewContext } from "node:vm";
import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";

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

const patternTimeoutMs = 100;

const timedPattern = Object.assign(
  (pattern: string, flags: string) => ({
    test: (text: string): boolean => {
      const given = { pattern, flags, text };
      return (
        runInNewContext("new RegExp(pattern, flags).test(text)", given, { timeout: patternTimeoutMs }) ===
        true
      );
    },
    // Ajv tells patterns apart by this.
    toString: () => `/${pattern}/${flags}`,
  }),
  { code: "timedPattern" },
);

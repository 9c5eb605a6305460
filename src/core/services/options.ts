// A provider's options as written in integration.yaml, held against the provider's schema and completed by its defaults.
import { Ajv, type ErrorObject } from "ajv";
import type { Json } from "../../wire/json.ts";
import { suggestion } from "../base/nearest.ts";
import { XcoreError } from "../base/error.ts";
import type { Provider } from "./service.ts";

export function checkOptions(
  name: string,
  provider: Provider,
  written: Readonly<Record<string, Json>>,
): unknown {
  const options: unknown = structuredClone(written);
  const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false, verbose: true });
  const validate = ajv.compile(provider.options);
  if (validate(options)) return deepFreeze(options);
  const faults = (validate.errors ?? []).map((error) => `services.${name}${describe(error)}`);
  throw new XcoreError("CONFIG_INVALID", `integration.yaml: ${faults.join("; ")}`, {
    hint: `See the options of driver '${provider.driver}' in docs/services/.`,
    details: { service: name, faults },
  });
}

function describe(error: ErrorObject): string {
  const path = error.instancePath.replaceAll("/", ".");
  const { additionalProperty, missingProperty, allowedValues } = error.params as Record<string, unknown>;
  if (typeof additionalProperty === "string") {
    const known = Object.keys((error.parentSchema?.["properties"] ?? {}) as object);
    return `${path}.${additionalProperty}: unknown option; ${suggestion(additionalProperty, known)}`;
  }
  if (typeof missingProperty === "string") return `${path}.${missingProperty}: is missing`;
  if (Array.isArray(allowedValues)) return `${path}: must be one of ${allowedValues.join(", ")}`;
  const example: unknown = error.parentSchema?.["examples"];
  const such = Array.isArray(example) ? `, such as ${String(example[0])}` : "";
  if (error.keyword === "pattern") return `${path}: has the wrong form${such}`;
  return `${path}: ${error.message ?? "is not valid"}${such}`;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}

// A plugin's options, checked against the JSON Schema in its manifest, with the schema's defaults filled in.
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import type { Json } from "../../wire/json.ts";
import { messageOf, XcoreError } from "../base/error.ts";
import type { Config } from "../config/config.ts";
import type { Manifest } from "./manifest.ts";

export function checkedOptions(manifest: Manifest, config: Config): Readonly<Record<string, Json>> {
  const given = structuredClone(config.plugins[manifest.name]?.config ?? {}) as Record<string, Json>;
  if (manifest.config === undefined) {
    const [unknown] = Object.keys(given);
    if (unknown === undefined) return given;
    throw new XcoreError(
      "PLUGIN_CONFIG",
      `integration.yaml: plugins.${manifest.name}.config.${unknown}: the plugin takes no options`,
      {
        hint: "Remove plugins." + manifest.name + ".config.",
      },
    );
  }
  const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false, validateFormats: true });
  addFormats.default(ajv);
  const validate = compile(ajv, manifest);
  if (validate(given)) return given;
  const faults = (validate.errors ?? []).map(
    (fault) =>
      `plugins.${manifest.name}.config${fault.instancePath.replaceAll("/", ".")}: ${fault.message ?? "is not valid"}`,
  );
  throw new XcoreError("PLUGIN_CONFIG", `integration.yaml: ${faults.join("; ")}`, {
    hint: `The options of '${manifest.name}' are described under config in its plugin.yaml.`,
    details: { faults },
  });
}

function compile(ajv: Ajv, manifest: Manifest): ReturnType<Ajv["compile"]> {
  try {
    return ajv.compile(manifest.config as object);
  } catch (error) {
    throw new XcoreError(
      "MANIFEST_INVALID",
      `plugin '${manifest.name}': config in plugin.yaml is not a JSON Schema: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

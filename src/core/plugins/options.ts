// A plugin's options, checked against the JSON Schema in its manifest, with the schema's defaults filled in.
import type { Json } from "../../wire/json.ts";
import { checkOptions } from "../config/check-options.ts";
import type { Config } from "../config/config.ts";
import type { Manifest } from "./manifest.ts";

/** A plugin whose manifest describes no options takes none. */
const noOptions = { type: "object", properties: {}, additionalProperties: false };

/** Throws `PLUGIN_CONFIG` naming each fault with its line in integration.yaml. */
export function checkedOptions(manifest: Manifest, config: Config): Readonly<Record<string, Json>> {
  return checkOptions({
    file: config.file,
    path: ["plugins", manifest.name, "config"],
    schema: (manifest.config as object | undefined) ?? noOptions,
    options: config.plugins[manifest.name]?.config ?? {},
    code: "PLUGIN_CONFIG",
  });
}

// Which of a plugin's options are secrets, as far as their names tell.
import type { Json } from "../../wire/json.ts";
import { secretName } from "./yaml-source.ts";

/** The texts whose key says that they are one (`apiKey`, `password` …), by their path: `mail.password`. */
export function secretOptions(config: Readonly<Record<string, Json>>, path = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    const here = path === "" ? key : `${path}.${key}`;
    if (typeof value === "string") {
      if (secretName.test(key)) found[here] = value;
    } else if (typeof value === "object" && value !== null) {
      Object.assign(found, secretOptions(value as Readonly<Record<string, Json>>, here));
    }
  }
  return found;
}

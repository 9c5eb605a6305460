// From what a test knows (its own file, or a folder) to the plugin's folder.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { XcoreError } from "../core/base/error.ts";
import { manifestFile } from "../core/plugins/read-manifest.ts";

/** The nearest folder at or above `place` with a plugin.yaml. */
export function pluginFolder(place: string | URL): string {
  const text = String(place);
  const start = text.startsWith("file:") ? fileURLToPath(text) : resolve(text);
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, manifestFile))) return folder;
    if (folder === dirname(folder)) break;
  }
  throw new XcoreError("PLUGIN_NOT_FOUND", `there is no ${manifestFile} in ${start} or above it`, {
    hint: "Give openPlugin the plugin's folder, or import.meta.url of a test that lies in it.",
  });
}

// Whether a plugin may run in the core's own process: only when the installation names exactly the code that would run.
import { createHash } from "node:crypto";
import { XcoreError } from "../base/error.ts";
import { bundlePlugin } from "../sandbox/bundle.ts";
import type { CatalogEntry } from "./catalog.ts";
import type { Manifest } from "./manifest.ts";

/** Of the code as it would be evaluated, with all its packages: `sha256-` and 64 hexadecimal digits. */
export function trustDigest(code: string): string {
  return `sha256-${createHash("sha256").update(code).digest("hex")}`;
}

/** Throws `PLUGIN_UNTRUSTED` unless this is the code that integration.yaml trusts. */
export function checkTrust(plugin: string, trusted: string, code: string): void {
  const digest = trustDigest(code);
  if (digest === trusted) return;
  throw new XcoreError(
    "PLUGIN_UNTRUSTED",
    `plugin '${plugin}' is trusted as ${trusted}, but its code is ${digest}: it does not run in the core`,
    {
      hint: `Look at what changed. Then put the digest of its code (xcore plugin info ${plugin} prints it, too) under plugins.${plugin}.trust in integration.yaml, or remove trust to run it in a sandbox.`,
      details: { trusted, digest },
    },
  );
}

/** What integration.yaml would have to name for the plugin to be trusted as it is now; undefined when it does not compile. */
export async function currentDigest(
  entry: Pick<CatalogEntry, "folder" | "source">,
  manifest: Manifest,
): Promise<string | undefined> {
  try {
    const { code } = await bundlePlugin({
      folder: entry.folder,
      entry: manifest.entry,
      label: manifest.name,
      sealed: entry.source === "installed",
      trusted: true,
    });
    return trustDigest(code);
  } catch (error) {
    if (error instanceof XcoreError) return undefined;
    throw error;
  }
}

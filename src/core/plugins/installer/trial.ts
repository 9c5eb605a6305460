// A trial load: the plugin is bundled and its top level run in a sandbox of its own, under its caps, with nothing granted.
import { XcoreError } from "../../base/error.ts";
import type { Limits } from "../../base/limits.ts";
import { silentLogger } from "../../base/log.ts";
import { bundlePlugin } from "../../sandbox/bundle.ts";
import { createSandboxPool } from "../../sandbox/pool.ts";
import type { Manifest } from "../manifest.ts";

export interface TrialOptions {
  folder: string;
  manifest: Manifest;
  limits: Limits;
}

/** Rejects as a load would: `PLUGIN_COMPILE`, `PLUGIN_IMPORT`, `PLUGIN_ERROR`, `PLUGIN_MEMORY_LIMIT` … */
export async function tryLoading(options: TrialOptions): Promise<void> {
  const { folder, manifest, limits } = options;
  const label = `${manifest.name}@${manifest.version}`;
  const bundle = await bundlePlugin({ folder, entry: manifest.entry, label, sealed: true });
  await using pool = createSandboxPool({ logger: silentLogger, spare: false });
  const sandbox = await pool.open({
    label,
    group: `trial:${manifest.name}`,
    code: bundle.code,
    sourceMap: bundle.sourceMap,
    limits,
    boot: { plugin: manifest.name, version: manifest.version, config: {}, permissions: [] },
    onHostCall: async ({ name }) => {
      throw new XcoreError("PERMISSION_NOT_APPROVED", `'${name}' is not there during a trial load`);
    },
    onLog: () => undefined,
    onEnd: () => undefined,
  });
  await sandbox.close();
}

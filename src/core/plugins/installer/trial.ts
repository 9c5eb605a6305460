// A trial load: the plugin's top level is run in a sandbox of its own, under its caps, with nothing granted.
import type { GuestDescription } from "../../../wire/guest-calls.ts";
import { XcoreError } from "../../base/error.ts";
import type { Limits } from "../../base/limits.ts";
import { silentLogger } from "../../base/log.ts";
import type { Bundle } from "../../sandbox/bundle.ts";
import { createSandboxPool } from "../../sandbox/pool.ts";
import type { Manifest } from "../manifest.ts";

export interface TrialOptions {
  folder: string;
  manifest: Manifest;
  limits: Limits;
  bundle: Bundle;
}

/** What it offers, where that was to be seen. */
export type Trial = (options: TrialOptions) => Promise<Pick<GuestDescription, "actions"> | void>;

/** Rejects as a load would: `PLUGIN_ERROR`, `PLUGIN_MEMORY_LIMIT` … */
export async function tryLoading(options: TrialOptions): Promise<GuestDescription> {
  const { manifest, limits, bundle } = options;
  const label = `${manifest.name}@${manifest.version}`;
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
  const { description } = sandbox;
  await sandbox.close();
  return description;
}

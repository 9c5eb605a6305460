// Approves what an installed plugin asks for now, where the lock grants something else.
import { XcoreError } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import { permissionLines, unapproved } from "../approval.ts";
import { readLock, storeFolder, writeLock } from "../lock.ts";
import { readManifest } from "../read-manifest.ts";
import { consentRequest } from "./add.ts";
import { asksOf, type Ask, type Consent } from "./consent.ts";
import { knownPlugins, withWorkroom, type InstallerOptions } from "./context.ts";
import { notFound } from "./remove.ts";
import { verifyInstalled } from "./verify.ts";

export interface ApproveOptions extends InstallerOptions {
  name: string;
  consent: Consent;
}

export interface Approved {
  name: string;
  /** All it may do now. */
  asks: readonly Ask[];
  changed: boolean;
  /** Whether a running server was told. */
  told: boolean;
}

export async function approvePlugin(options: ApproveOptions): Promise<Approved> {
  const { config, name } = options;
  return withWorkroom(options, async ({ alone, notify }) => {
    const seen = await readInstalled(name, config);
    const { manifest, entry } = seen;
    const asks = asksOf(manifest.permissions);
    if (seen.asked === permissionLines(entry.approved).join("\n"))
      return { name, asks, changed: false, told: false };
    const widens = unapproved(manifest.permissions, entry.approved).length > 0;
    const request = {
      ...consentRequest(manifest, entry.source, { config, signer: entry.signer }),
      before: asksOf(entry.approved),
    };
    if (widens && !(await options.consent(request))) {
      throw new XcoreError("CONSENT_REFUSED", `plugin '${name}' was not approved`, {
        hint: "Nothing was changed.",
      });
    }
    return alone(`plugin approve ${name}`, async () => {
      const now = await readInstalled(name, config);
      if (now.asked !== seen.asked || now.entry.integrity !== entry.integrity) throw changedMeanwhile(name);
      const lock = await readLock(config.workspace);
      const plugins = { ...lock.plugins, [name]: { ...now.entry, approved: manifest.permissions } };
      await writeLock(config.workspace, { ...lock, plugins });
      return { name, asks, changed: true, told: (await notify()) !== undefined };
    });
  });
}

/** What was shown is no longer what is there: another process changed it while somebody was asked. */
export function changedMeanwhile(name: string): XcoreError {
  return new XcoreError("LOCK_MISMATCH", `plugin '${name}' was changed by another process meanwhile`, {
    hint: "Nothing was changed by this one. Try again.",
    details: { plugin: name },
  });
}

async function readInstalled(name: string, config: Config) {
  const lock = await readLock(config.workspace);
  const entry = lock.plugins[name];
  if (entry === undefined) {
    const known = await knownPlugins(config, lock);
    if (!known.some((one) => one.name === name)) throw notFound(name, known);
    throw new XcoreError("USAGE", `plugin '${name}' is the project's own; it needs no approval`, {
      hint: `To limit it, list what it may do under plugins.${name}.allow in integration.yaml.`,
    });
  }
  const folder = storeFolder(config.stateFolder, name, entry);
  await verifyInstalled(entry, folder);
  const manifest = await readManifest(folder);
  return { entry, manifest, asked: permissionLines(manifest.permissions).join("\n") };
}

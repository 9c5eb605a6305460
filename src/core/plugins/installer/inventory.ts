// The plugins of a project as files and lock say, without a server.
import { errorData, XcoreError, type ErrorData } from "../../base/error.ts";
import type { Config, Permissions } from "../../config/config.ts";
import { readLock, storeFolder, type Lock, type WentBack } from "../lock.ts";
import { readManifest } from "../read-manifest.ts";
import { currentDigest } from "../trust.ts";
import { asksOf, type Ask } from "./consent.ts";
import { knownPlugins } from "./context.ts";
import { signerWords } from "../signatures/check.ts";
import { originOf } from "./origin.ts";
import { licenseSummary, type LicenseGroup } from "./package-list.ts";
import { notFound } from "./remove.ts";
import { verifyInstalled } from "./verify.ts";

export interface InventoryEntry {
  name: string;
  version: string;
  description: string;
  source: "workspace" | "installed" | "linked";
  folder: string;
  /** Where it was installed from, with its full commit; null for the project's own. */
  origin: string | null;
  integrity: string | null;
  /** Updates pass it over. */
  pinned: boolean;
  /** A newer revision that failed its first minute here and went back by itself. */
  wentBack: WentBack | null;
  /** Who signed it, in words; null for the project's own. */
  signature: string | null;
  /** Licences of the npm packages that came with it, the most frequent first. */
  licenses: readonly LicenseGroup[];
  enabled: boolean;
  /** It is to run in the core's own process. */
  trusted: boolean;
  /** What keeps it from being loaded. */
  fault: ErrorData | null;
  permissions: Permissions | null;
  /** The same in words, worst first. */
  asks: readonly Ask[];
  dependencies: Readonly<Record<string, string>>;
}

/** Sorted by name. Installed ones are checked against the lock; one that differs is an entry with its fault. */
export async function inventory(config: Config): Promise<InventoryEntry[]> {
  const lock = await readLock(config.workspace);
  const known = await knownPlugins(config, lock);
  return Promise.all(
    known.map(async ({ name, source, folder, manifest, error }) => {
      const locked = source === "installed" ? lock.plugins[name] : undefined;
      const broken =
        locked === undefined
          ? undefined
          : await verifyInstalled(locked, storeFolder(config.stateFolder, name, locked)).then(
              () => undefined,
              (fault: unknown) => fault,
            );
      const fault = broken ?? error;
      return {
        name,
        version: manifest?.version ?? locked?.version ?? "?",
        description: manifest?.description ?? "",
        source,
        folder,
        origin: originIn(lock, name, source),
        integrity: locked?.integrity ?? null,
        pinned: locked?.pinned ?? false,
        wentBack: locked?.wentBack ?? null,
        signature: locked === undefined ? null : signerWords(locked.signer, config.policy.signatures),
        licenses: licenseSummary(locked?.packages ?? {}),
        enabled: config.plugins[name]?.enabled ?? true,
        trusted: config.plugins[name]?.trust !== undefined,
        fault: fault === undefined ? null : errorData(fault),
        permissions: manifest?.permissions ?? null,
        asks: manifest === undefined ? [] : asksOf(manifest.permissions),
        dependencies: manifest?.dependencies ?? {},
      };
    }),
  );
}

function originIn({ plugins, links }: Lock, name: string, source: InventoryEntry["source"]): string | null {
  if (source === "linked") return `linked: ${links?.[name]?.folder ?? "?"}`;
  const entry = source === "installed" ? plugins[name] : undefined;
  return entry === undefined ? null : originOf(entry.source);
}

export interface InventoryDetail extends InventoryEntry {
  /** Of its code as it would run in the core's own process; null when it does not compile for that. */
  digest: string | null;
}

/** One of them; throws `PLUGIN_NOT_FOUND` with the nearest name. */
export async function inventoryEntry(config: Config, name: string): Promise<InventoryDetail> {
  const found = (await inventory(config)).find((entry) => entry.name === name);
  if (found === undefined) throw notFound(name, await knownPlugins(config));
  return { ...found, digest: await digestOf(found) };
}

async function digestOf({ folder, source }: InventoryEntry): Promise<string | null> {
  try {
    return (await currentDigest({ folder, source }, await readManifest(folder))) ?? null;
  } catch (error) {
    if (error instanceof XcoreError) return null;
    throw error;
  }
}

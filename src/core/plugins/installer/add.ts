// Installs a plugin, or changes nothing: fetched, shown, approved, tried, put into the store, and only then written into xcore.lock.
import { XcoreError, asXcoreError } from "../../base/error.ts";
import { codes, type Code } from "../../base/codes.ts";
import { packageVersion } from "../../base/package-root.ts";
import type { Config } from "../../config/config.ts";
import { effectiveLimits, effectivePermissions, effectiveSecrets } from "../approval.ts";
import type { CatalogEntry } from "../catalog.ts";
import { checkDependencies } from "../dependencies.ts";
import {
  lockBytes,
  readLock,
  restoreLock,
  withEntry,
  writeLock,
  type Lock,
  type LockEntry,
  type LockedSource,
} from "../lock.ts";
import type { Manifest } from "../manifest.ts";
import { checkedOptions } from "../options.ts";
import { checkCompatible } from "../read-manifest.ts";
import { allowText, asksOf, type Consent, type ConsentRequest } from "./consent.ts";
import { knownPlugins, withInstaller, type InstallerOptions, type Workroom } from "./context.ts";
import type { PluginData } from "./data.ts";
import { originOf } from "./origin.ts";
import { prepare, type PrepareSteps } from "./prepare.ts";
import { parseSource } from "./source.ts";
import { putIntoStore } from "./store.ts";
import { tryLoading } from "./trial.ts";

export interface AddOptions extends InstallerOptions {
  /** As it was written; local paths are relative to `cwd`. */
  source: string;
  cwd?: string;
  consent: Consent;
  /** Opens what keeps plugins' data; undefined where no server runs. With it a plugin that does not mount leaves no schema behind. */
  openData?: () => Promise<PluginData | undefined>;
  /** Runs the plugin's top level somewhere safe and rejects when it fails. Default: a sandbox of its own. */
  trial?: PrepareSteps["trial"];
}

export interface Installed {
  name: string;
  entry: LockEntry;
  /** Whether a running server has it mounted. */
  mounted: boolean;
}

export async function addPlugin(options: AddOptions): Promise<Installed> {
  const { config, cwd = process.cwd(), trial = tryLoading } = options;
  const source = await parseSource(options.source, { cwd, workspace: config.workspace });
  return withInstaller(options, `plugin add ${options.source}`, async (workroom) => {
    const lock = await readLock(config.workspace);
    const known = await knownPlugins(config, lock);
    const prepared = await prepare(source, workroom, {
      trial,
      accept: async (manifest, from) => {
        refuseTaken(manifest, known);
        checkCompatible(manifest, packageVersion());
        checkNeeds(manifest, known);
        const limits = effectiveLimits(manifest, config);
        await askConsent(manifest, from, options.consent);
        effectivePermissions(manifest, manifest.permissions, config);
        checkedOptions(manifest, config);
        effectiveSecrets(manifest, config);
        return limits;
      },
    });
    const { manifest, listing } = prepared;
    const entry: LockEntry = {
      version: manifest.version,
      source: prepared.source,
      integrity: listing.integrity,
      approved: manifest.permissions,
    };
    const stored = await putIntoStore(config, { name: manifest.name, folder: prepared.folder, listing });
    const next = withEntry(lock, manifest.name, entry);
    await using data = manifest.permissions.database ? await options.openData?.() : undefined;
    const mounted = await commit({
      config,
      lock: next,
      name: manifest.name,
      workroom,
      data,
      undo: stored.undo,
    });
    return { name: manifest.name, entry, mounted };
  });
}

export function consentRequest(manifest: Manifest, source: LockedSource): ConsentRequest {
  const asks = asksOf(manifest.permissions);
  return {
    name: manifest.name,
    version: manifest.version,
    description: manifest.description,
    origin: originOf(source),
    permissions: manifest.permissions,
    asks,
    allow: allowText(asks),
    before: undefined,
  };
}

async function askConsent(manifest: Manifest, source: LockedSource, consent: Consent): Promise<void> {
  if (await consent(consentRequest(manifest, source))) return;
  throw new XcoreError(
    "CONSENT_REFUSED",
    `plugin '${manifest.name}' was not installed: consent was refused`,
    {
      hint: "Nothing was changed.",
      details: { plugin: manifest.name },
    },
  );
}

function refuseTaken(manifest: Manifest, known: readonly CatalogEntry[]): void {
  const taken = known.find((entry) => entry.name === manifest.name);
  if (taken === undefined) return;
  const isOwn = taken.source === "workspace";
  throw new XcoreError(
    "PLUGIN_EXISTS",
    isOwn
      ? `the project has a plugin '${manifest.name}' of its own in ${taken.folder}`
      : `plugin '${manifest.name}' ${taken.manifest?.version ?? ""} is installed already`.replace("  ", " "),
    {
      hint: isOwn
        ? "Rename one of them in its plugin.yaml, or remove that folder."
        : `To replace it, remove it first and keep its data: xcore plugin rm ${manifest.name} --data keep`,
      details: { plugin: manifest.name, folder: taken.folder },
    },
  );
}

function checkNeeds(manifest: Manifest, known: readonly CatalogEntry[]): void {
  const lookup = (name: string) => {
    const found = known.find((entry) => entry.name === name)?.manifest;
    return found === undefined ? undefined : { version: found.version, ready: true };
  };
  checkDependencies(
    manifest,
    lookup,
    known.map((entry) => entry.name),
  );
}

interface CommitOptions {
  config: Config;
  lock: Lock;
  name: string;
  workroom: Workroom;
  data: PluginData | undefined;
  undo: () => Promise<void>;
}

// The lock is the commit point; when the running server can't follow, both go back to what they were.
async function commit(options: CommitOptions): Promise<boolean> {
  const { config, lock, name, workroom, data } = options;
  const hadData = (await data?.has(name)) ?? true;
  const before = await lockBytes(config.workspace);
  try {
    await writeLock(config.workspace, lock);
    const outcome = await workroom.notify();
    const failure = outcome?.failed.find((one) => one.name === name);
    if (failure !== undefined) throw notMounted(name, failure);
    return outcome !== undefined;
  } catch (error) {
    await restoreLock(config.workspace, before);
    await workroom.notify().catch(() => undefined);
    await options.undo();
    if (!hadData) await data?.drop(name);
    throw asXcoreError(error);
  }
}

function notMounted(name: string, failure: { code: string; message: string }): XcoreError {
  const code: Code = Object.hasOwn(codes, failure.code) ? (failure.code as Code) : "PLUGIN_START";
  return new XcoreError(
    code,
    `plugin '${name}' was not installed, since the running server could not load it: ${failure.message}`,
    {
      hint: "Everything is as it was before.",
      details: { plugin: name },
    },
  );
}

// Installs a plugin, or changes nothing: fetched, shown, approved, tried, put into the store, and only then written into xcore.lock.
import { join } from "node:path";
import { XcoreError } from "../../base/error.ts";
import { packageVersion } from "../../base/package-root.ts";
import type { Config } from "../../config/config.ts";
import { effectiveLimits, effectivePermissions, effectiveSecrets } from "../approval.ts";
import type { CatalogEntry } from "../catalog.ts";
import { checkDependencies } from "../dependencies.ts";
import { readLock, withEntry, type Lock, type LockEntry, type LockedSource } from "../lock.ts";
import type { Manifest } from "../manifest.ts";
import { checkedOptions } from "../options.ts";
import { checkCompatible } from "../read-manifest.ts";
import { signerWords } from "../signatures/check.ts";
import { commit } from "./commit.ts";
import { allowText, asksOf, type Consent, type ConsentRequest } from "./consent.ts";
import { knownPlugins, withWorkroom, type InstallerOptions, type Workroom } from "./context.ts";
import type { PluginData, PluginSchemas } from "./data.ts";
import { originOf } from "./origin.ts";
import { prepare, revisionOf, type Prepared, type PrepareSteps } from "./prepare.ts";
import { parseSource } from "./source.ts";
import type { Source } from "./source-kinds.ts";
import { putIntoStore } from "./store.ts";
import { tryLoading } from "./trial.ts";

export interface AddOptions extends InstallerOptions {
  /** As it was written; local paths are relative to `cwd`. */
  source: string;
  cwd?: string;
  /** Fetches a git source's submodules, too; the lock remembers it. Default: a source that has any is refused. */
  submodules?: boolean;
  consent: Consent;
  /** Opens what keeps plugins' data; undefined where no server runs. With it a plugin that does not mount leaves no schema behind. */
  openData?: () => Promise<PluginData | undefined>;
  /** Migrates where the server only checks; undefined where no server runs. */
  openSchemas?: () => Promise<PluginSchemas | undefined>;
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
  const parsed = await parseSource(options.source, {
    cwd,
    workspace: config.workspace,
    registries: Object.keys(config.registries).length > 0,
  });
  const source = options.submodules === true ? withSubmodules(parsed) : parsed;
  return withWorkroom(options, async (workroom) => {
    const before = await readLock(config.workspace);
    const prepared = await prepare(source, workroom, {
      trial,
      accept: async (manifest, from, { signature }) => {
        checkCompatible(manifest, packageVersion());
        await checkPlace(manifest, config, before);
        const limits = effectiveLimits(manifest, config);
        await askConsent(
          consentRequest(manifest, from, { config, signer: signature?.publicKey }),
          options.consent,
        );
        effectivePermissions(manifest, manifest.permissions, config);
        checkedOptions(manifest, config);
        effectiveSecrets(manifest, config);
        return limits;
      },
    });
    return workroom.alone(`plugin add ${options.source}`, () => putInPlace(prepared, workroom, options));
  });
}

function withSubmodules(source: Source): Source {
  if (source.type === "git") return { ...source, submodules: true };
  throw new XcoreError("USAGE", `--submodules: a source of the kind '${source.type}' has no submodules`, {
    hint: "Leave it out; for a repository in a folder write git+ in front of the path.",
  });
}

// Others may have changed the project's plugins while somebody was asked.
async function putInPlace(prepared: Prepared, workroom: Workroom, options: AddOptions): Promise<Installed> {
  const { config } = options;
  const { manifest, listing } = prepared;
  const { name } = manifest;
  const lock = await readLock(config.workspace);
  await checkPlace(manifest, config, lock);
  const entry = revisionOf(prepared);
  const stored = await putIntoStore(config, { name, folder: prepared.folder, listing });
  await using data = manifest.permissions.database ? await options.openData?.() : undefined;
  const hadData = (await data?.has(name)) ?? true;
  const undo = async (): Promise<void> => {
    await stored.undo();
    if (!hadData) await data?.drop(name);
  };
  const next = withEntry(lock, name, entry);
  const checks = config.migrations.mode === "check" && manifest.permissions.database;
  const migrate = async (): Promise<void> => {
    await using schemas = await options.openSchemas?.();
    await schemas?.apply(name, join(stored.folder, manifest.migrations));
  };
  const mounted = await commit({
    lock: next,
    name,
    done: "installed",
    workroom,
    migrate: checks ? migrate : undefined,
    undo,
  });
  return { name, entry, mounted };
}

async function checkPlace(manifest: Manifest, config: Config, lock: Lock): Promise<void> {
  const known = await knownPlugins(config, lock);
  refuseTaken(manifest, known);
  checkNeeds(manifest, known);
}

/** `signer`: the public key it is signed with. */
export function consentRequest(
  manifest: Manifest,
  source: LockedSource,
  { config, signer }: { config: Config; signer: string | undefined },
): ConsentRequest {
  const asks = asksOf(manifest.permissions);
  return {
    name: manifest.name,
    version: manifest.version,
    description: manifest.description,
    origin: originOf(source),
    signature: signerWords(signer, config.policy.signatures),
    trusted: config.plugins[manifest.name]?.trust !== undefined,
    permissions: manifest.permissions,
    asks,
    allow: allowText(asks),
    before: undefined,
  };
}

async function askConsent(request: ConsentRequest, consent: Consent): Promise<void> {
  if (await consent(request)) return;
  throw new XcoreError("CONSENT_REFUSED", `plugin '${request.name}' was not installed: consent was refused`, {
    hint: "Nothing was changed.",
    details: { plugin: request.name },
  });
}

function refuseTaken(manifest: Manifest, known: readonly CatalogEntry[]): void {
  const taken = known.find((entry) => entry.name === manifest.name);
  if (taken === undefined) return;
  const isOwn = taken.source !== "installed";
  throw new XcoreError(
    "PLUGIN_EXISTS",
    isOwn
      ? `the project has a plugin '${manifest.name}' of its own in ${taken.folder}`
      : `plugin '${manifest.name}' ${taken.manifest?.version ?? ""} is installed already`.replace("  ", " "),
    {
      hint: isOwn
        ? "Rename one of them in its plugin.yaml, or remove that folder."
        : `For what is newer there: xcore plugin update ${manifest.name}. From elsewhere: xcore plugin rm ${manifest.name} --data keep, then add it.`,
      details: { plugin: manifest.name, folder: taken.folder },
    },
  );
}

/** Throws `PLUGIN_DEPENDENCY` when a plugin it needs is not there, or of another version. */
export function checkNeeds(manifest: Manifest, known: readonly CatalogEntry[]): void {
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

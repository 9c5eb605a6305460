// From a source to a plugin that is ready to be put into the store: staged, with its packages, bundled and tried. Changes nothing outside.
import { relative } from "node:path";
import type { GuestDescription } from "../../../wire/guest-calls.ts";
import type { Manifest } from "../manifest.ts";
import { readLock, type LockedRevision, type LockedSource } from "../lock.ts";
import type { Built } from "../lock-built.ts";
import { readManifest } from "../read-manifest.ts";
import { checkTrust } from "../trust.ts";
import { XcoreError } from "../../base/error.ts";
import { fingerprintOf } from "../../base/public-key.ts";
import type { Limits } from "../../base/limits.ts";
import { bundlePlugin, type Bundle } from "../../sandbox/bundle.ts";
import { builderName, bundleDigest } from "../../sandbox/bundle-digest.ts";
import type { Signature } from "../signatures/check.ts";
import { fetchedSignature } from "../signatures/installed-signature.ts";
import { knownBad, refuseKnownBad } from "./advisories.ts";
import type { Workroom } from "./context.ts";
import { differences, listFiles, type Listing } from "./digest.ts";
import { installPackages } from "./packages.ts";
import type { Source } from "./source-kinds.ts";
import { stage } from "./stage.ts";
import type { Trial, TrialOptions } from "./trial.ts";

export interface Prepared {
  folder: string;
  manifest: Manifest;
  source: LockedSource;
  listing: Listing;
  /** What xcore.lock says of how it was made. */
  built: Built;
  signature: Signature | undefined;
  /** What it offers; undefined where its trial did not tell. */
  actions: GuestDescription["actions"] | undefined;
}

/** A plugin as it came from its source, before its packages were fetched. */
export interface StagedPlugin {
  folder: string;
  /** Of its files. */
  listing: Listing;
  signature: Signature | undefined;
}

export interface PrepareSteps {
  /** Looks at the manifest before anything else is done; throws to stop. Returns the limits to try it under. */
  accept(manifest: Manifest, source: LockedSource, staged: StagedPlugin): Promise<Limits>;
  trial: Trial;
  /** What xcore.lock pins, when exactly that is to be had again: its packages are taken, and what is newer is not asked for. */
  locked?: LockedRevision;
}

export async function prepare(source: Source, workroom: Workroom, steps: PrepareSteps): Promise<Prepared> {
  const { caps, env, signal, onProgress, config } = workroom;
  const { scopes = {}, seen = {} } = await readLock(config.workspace);
  const { workspace, stateFolder } = config;
  const room = await workroom.room();
  const { registries } = config;
  const around = { workspace, stateFolder, scopes, registries, caps, env, signal, onProgress };
  const staged = await stage(source, { room, ...around });
  signal.throwIfAborted();
  const { folder } = staged;
  const manifest = await manifestOf(folder, source);
  const before = await listFiles(folder);
  const { name, version } = manifest;
  const question = { config, name, version, folder, listing: before.text };
  const signature = await fetchedSignature(question, steps.locked === undefined ? seen[name] : undefined);
  refuseForeign(manifest, source, { owner: staged.owner, signer: signature?.publicKey });
  const limits = await steps.accept(manifest, staged.source, { folder, listing: before, signature });
  signal.throwIfAborted();
  const pinned = steps.locked?.packages;
  const packages = await installPackages({
    folder,
    plugin: name,
    workspace,
    pinned,
    caps,
    env,
    signal,
    onProgress,
  });
  if (steps.locked === undefined) {
    refuseKnownBad(name, await knownBad(packages, config.policy.advisories));
  }
  signal.throwIfAborted();
  onProgress("trying it in a sandbox");
  const { bundle, actions } = await tryIt(steps, {
    folder,
    manifest,
    limits,
    trust: config.plugins[name]?.trust,
  });
  const listing = await listFiles(folder);
  refuseChanged(manifest, before, listing);
  signal.throwIfAborted();
  const signer = signature?.publicKey;
  const built = {
    bundle: bundleDigest(bundle.code),
    builder: builderName(config.plugins[name]?.trust !== undefined),
    ...(signer === undefined ? {} : { signer }),
    ...(Object.keys(packages).length === 0 ? {} : { packages }),
  };
  return { folder, manifest, source: staged.source, listing, built, signature, actions };
}

// The hint of a load is for a plugin's author; whoever installs can't follow it.
async function tryIt(
  steps: PrepareSteps,
  { trust, ...options }: Omit<TrialOptions, "bundle"> & { trust: string | undefined },
): Promise<{ bundle: Bundle; actions: Prepared["actions"] }> {
  const { folder, manifest } = options;
  const label = `${manifest.name}@${manifest.version}`;
  try {
    const trusted = trust !== undefined;
    const bundle = await bundlePlugin({ folder, entry: manifest.entry, label, sealed: true, trusted });
    if (trusted) {
      checkTrust(manifest.name, trust, bundle.code);
      return { bundle, actions: undefined };
    }
    const described = await steps.trial({ ...options, bundle });
    return { bundle, actions: described?.actions };
  } catch (error) {
    if (!(error instanceof XcoreError) || !/^PLUGIN_(COMPILE|IMPORT)$/.test(error.code)) throw error;
    throw new XcoreError(error.code, error.message, {
      hint: /Could not resolve "[^."/]|outside of its folder: .*node_modules/.test(error.message)
        ? "Its author must list the package under dependencies in the plugin's package.json. Nothing was changed here."
        : "Tell the plugin's author; nothing was changed here. One that is meant to run trusted needs plugins.<name>.trust in integration.yaml first.",
      details: error.details,
      cause: error.cause,
    });
  }
}

async function manifestOf(folder: string, source: Source): Promise<Manifest> {
  try {
    return await readManifest(folder);
  } catch (error) {
    if (!(error instanceof XcoreError)) throw error;
    const from = placeOf(source);
    // Frames name files relative to where the command was given.
    const said = error.message.replaceAll(folder, from).replaceAll(relative(process.cwd(), folder), from);
    throw new XcoreError(error.code, said, {
      hint: isMissing(error) ? missingHint(source) : "Tell the plugin's author; nothing was changed here.",
      details: error.details,
    });
  }
}

const missingHint = (source: Source): string =>
  source.type === "npm"
    ? "The package is no plugin: one has its plugin.yaml at its top."
    : "The source holds no plugin at its top; name the plugin's folder in it: …//folder";

function placeOf(source: Source): string {
  if (source.type === "npm" || source.type === "registry") return `${source.type}:${source.name}`;
  return source.type === "folder" ? source.path : source.url;
}

const isMissing = (error: XcoreError): boolean => error.message.startsWith("there is no plugin.yaml");

// The index says whose name it is; the archive must carry that key's word, and be the plugin that was asked for.
function refuseForeign(
  { name }: Manifest,
  source: Source,
  { owner, signer }: { owner: string | undefined; signer: string | undefined },
): void {
  if (source.type !== "registry") return;
  if (name !== source.name) {
    throw new XcoreError(
      "REGISTRY_INVALID",
      `what the registry has as '${source.name}' is a plugin '${name}'`,
      {
        hint: "Nothing was installed. Tell the registry's publisher.",
      },
    );
  }
  if (owner === undefined || owner === signer) return;
  throw new XcoreError(
    signer === undefined ? "SIGNATURE_MISSING" : "SIGNER_UNKNOWN",
    `plugin '${name}' is not signed by ${fingerprintOf(owner)}, whose name it is in the registry`,
    { hint: "Nothing was installed. Tell the registry's publisher.", details: { plugin: name, owner } },
  );
}

// What was shown and approved is what is installed: nothing but packages may have come since.
function refuseChanged(manifest: Manifest, before: Listing, after: Listing): void {
  const changed = differences(before.text, after.text).filter((one) => !/^\w+ node_modules\//.test(one));
  if (changed.length === 0) return;
  throw new XcoreError(
    "LOCK_MISMATCH",
    `plugin '${manifest.name}' changed while it was installed: ${changed[0]}`,
    {
      hint: "Nothing was installed. Try again; if it stays so, tell its author.",
      details: { changed },
    },
  );
}

/** What xcore.lock says of it, once it is installed. */
export function revisionOf({ manifest, source, listing, built }: Prepared): LockedRevision {
  const { version, permissions } = manifest;
  return { version, source, integrity: listing.integrity, approved: permissions, ...built };
}

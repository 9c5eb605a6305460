// From a source to a plugin that is ready to be put into the store: staged, with its packages, bundled and tried. Changes nothing outside.
import { relative } from "node:path";
import type { Manifest } from "../manifest.ts";
import { readLock, type LockedSource } from "../lock.ts";
import { readManifest } from "../read-manifest.ts";
import { XcoreError } from "../../base/error.ts";
import type { Limits } from "../../base/limits.ts";
import type { Workroom } from "./context.ts";
import { differences, listFiles, type Listing } from "./digest.ts";
import { installPackages } from "./packages.ts";
import type { Source } from "./source.ts";
import { stage } from "./stage.ts";

export interface Prepared {
  folder: string;
  manifest: Manifest;
  source: LockedSource;
  listing: Listing;
}

export interface PrepareSteps {
  /** Looks at the manifest before anything else is done; throws to stop. Returns the limits to try it under. */
  accept(manifest: Manifest, source: LockedSource): Promise<Limits>;
  trial(options: { folder: string; manifest: Manifest; limits: Limits }): Promise<void>;
}

export async function prepare(source: Source, workroom: Workroom, steps: PrepareSteps): Promise<Prepared> {
  const { caps, env, signal, onProgress, config } = workroom;
  const { scopes = {} } = await readLock(config.workspace);
  const { workspace, stateFolder } = config;
  const room = await workroom.room();
  const staged = await stage(source, { room, workspace, stateFolder, scopes, caps, env, signal, onProgress });
  signal.throwIfAborted();
  const { folder } = staged;
  const manifest = await manifestOf(folder, source);
  const before = await listFiles(folder);
  const limits = await steps.accept(manifest, staged.source);
  signal.throwIfAborted();
  await installPackages({
    folder,
    plugin: manifest.name,
    workspace: config.workspace,
    caps,
    env,
    signal,
    onProgress,
  });
  signal.throwIfAborted();
  onProgress("trying it in a sandbox");
  await tryIt(steps, { folder, manifest, limits });
  const listing = await listFiles(folder);
  refuseChanged(manifest, before, listing);
  signal.throwIfAborted();
  return { folder, manifest, source: staged.source, listing };
}

// The hint of a load is for a plugin's author; whoever installs can't follow it.
async function tryIt(steps: PrepareSteps, options: Parameters<PrepareSteps["trial"]>[0]): Promise<void> {
  try {
    await steps.trial(options);
  } catch (error) {
    if (!(error instanceof XcoreError) || !/^PLUGIN_(COMPILE|IMPORT)$/.test(error.code)) throw error;
    throw new XcoreError(error.code, error.message, {
      hint: /Could not resolve "[^."/]|outside of its folder: .*node_modules/.test(error.message)
        ? "Its author must list the package under dependencies in the plugin's package.json. Nothing was changed here."
        : "Tell the plugin's author; nothing was changed here.",
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
      hint: isMissing(error)
        ? "The source holds no plugin at its top; name the plugin's folder in it: …//folder"
        : "Tell the plugin's author; nothing was changed here.",
      details: error.details,
    });
  }
}

function placeOf(source: Source): string {
  if (source.type === "npm") return `npm:${source.name}`;
  return source.type === "folder" ? source.path : source.url;
}

const isMissing = (error: XcoreError): boolean => error.message.startsWith("there is no plugin.yaml");

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

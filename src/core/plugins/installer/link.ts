// Links a folder where a plugin is worked on, and takes the link away again. What a link leads to is nobody's revision: nothing is pinned.
import { relative, resolve, sep } from "node:path";
import { XcoreError } from "../../base/error.ts";
import { readLock, writeLock, type LockedLink } from "../lock.ts";
import { readManifest } from "../read-manifest.ts";
import { commit } from "./commit.ts";
import { knownPlugins, withInstaller, type InstallerOptions } from "./context.ts";
import { notFound } from "./remove.ts";

export interface LinkOptions extends InstallerOptions {
  /** As it was written, relative to `cwd`. */
  folder: string;
  cwd?: string;
  /** Load it in production, too. */
  production: boolean;
}

export interface Linked {
  name: string;
  version: string;
  folder: string;
  production: boolean;
  /** An installed plugin whose place it takes. */
  instead: string | null;
  mounted: boolean;
}

/** Throws what is wrong with its plugin.yaml, or `PLUGIN_EXISTS` when the project has one of that name in plugins/. */
export async function linkPlugin(options: LinkOptions): Promise<Linked> {
  const { config, production } = options;
  const folder = resolve(options.cwd ?? process.cwd(), options.folder);
  const manifest = await readManifest(folder);
  const { name, version } = manifest;
  return withInstaller(options, `plugin link ${options.folder}`, async (workroom) => {
    const lock = await readLock(config.workspace);
    const own = (await knownPlugins(config, lock)).find(
      (one) => one.name === name && one.source === "workspace",
    );
    if (own !== undefined) {
      throw new XcoreError(
        "PLUGIN_EXISTS",
        `the project has a plugin '${name}' of its own in ${own.folder}`,
        {
          hint: "Rename one of them in its plugin.yaml.",
          details: { plugin: name, folder: own.folder },
        },
      );
    }
    const link: LockedLink = {
      folder: recorded(folder, config.workspace),
      ...(production ? { production } : {}),
    };
    const next = { ...lock, links: { ...lock.links, [name]: link } };
    const mounted = await commit({ lock: next, name, done: "linked", workroom, undo: async () => undefined });
    return { name, version, ...link, production, instead: lock.plugins[name]?.version ?? null, mounted };
  });
}

export interface Unlinked {
  name: string;
  /** The installed plugin that has its place again. */
  now: string | null;
}

/** Throws `PLUGIN_NOT_FOUND` when nothing of that name is linked. */
export async function unlinkPlugin(options: InstallerOptions & { name: string }): Promise<Unlinked> {
  const { config, name } = options;
  return withInstaller(options, `plugin unlink ${name}`, async ({ notify }) => {
    const lock = await readLock(config.workspace);
    const { [name]: link, ...links } = lock.links ?? {};
    if (link === undefined) {
      const known = (await knownPlugins(config, lock)).filter((one) => one.source === "linked");
      if (known.length > 0) throw notFound(name, known);
      throw new XcoreError("PLUGIN_NOT_FOUND", `no plugin '${name}' is linked; none is`);
    }
    await writeLock(config.workspace, { ...lock, links });
    await notify();
    return { name, now: lock.plugins[name]?.version ?? null };
  });
}

function recorded(folder: string, workspace: string): string {
  const way = relative(workspace, folder).split(sep).join("/");
  return way === "" || way.startsWith("../") ? way || "." : `./${way}`;
}

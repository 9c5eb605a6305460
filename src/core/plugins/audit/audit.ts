// What a plugin's code would use against what its manifest asks for. Advice for who reads it: what it may do is decided by the wall.
import type { Permissions } from "../../config/config.ts";
import { bundlePlugin } from "../../sandbox/bundle.ts";
import { covers, permissionLines } from "../approval.ts";
import { readManifest } from "../read-manifest.ts";
import { observe, type DynamicKind, type Observed } from "./observe.ts";
import type { Place } from "./syntax.ts";

export interface AuditedUse {
  /** `database`, `fetch api.example.com`; only the kind where the rest is computed. */
  use: string;
  /** Whether the manifest asks for it; where the rest is computed: for anything of the kind. */
  asked: boolean;
  places: Place[];
}

export interface Audit {
  name: string;
  version: string;
  folder: string;
  permissions: Permissions;
  uses: AuditedUse[];
  /** What it asks for and is not seen to use; it may use it by a value that is computed. */
  unused: string[];
  /** Hosts that stand in the code beside those that are fetched. */
  mentions: { host: string; asked: boolean; places: Place[] }[];
  dynamic: { kind: DynamicKind; places: Place[] }[];
  /** Its own files that run; packages are not counted. */
  files: number;
}

/** `sealed`: an installed plugin. Runs nothing of it. Throws `MANIFEST_INVALID`, `PLUGIN_COMPILE`, `PLUGIN_IMPORT`. */
export async function auditPlugin(folder: string, options: { sealed: boolean }): Promise<Audit> {
  const manifest = await readManifest(folder);
  const { name, version, permissions, entry } = manifest;
  const bundle = await bundlePlugin({ folder, entry, label: `${name}@${version}`, ...options });
  const observed = observe(bundle, folder);
  const asked = permissionLines(permissions);
  const mentions = grouped(observed.mentions, ({ host }) => host).map(([host, places]) => ({
    host,
    asked: asked.some((line) => covers(line, `fetch ${host}`)),
    places,
  }));
  return {
    name,
    version,
    folder,
    permissions,
    uses: usesOf(observed, asked),
    unused: asked.filter((line) => !isSeen(line, observed)),
    mentions,
    dynamic: grouped(observed.dynamic, ({ kind }) => kind).map(([kind, places]) => ({ kind, places })),
    files: bundle.inputs.length,
  };
}

function usesOf({ uses }: Observed, asked: readonly string[]): AuditedUse[] {
  return grouped(uses, ({ use }) => use).map(([use, places]) => ({
    use,
    asked: asked.some((line) => (isComputed(use) ? line.startsWith(`${use} `) : covers(line, use))),
    places,
  }));
}

/** A host that only stands in the code counts as used: the address may be put together from it. */
function isSeen(line: string, { uses, mentions }: Observed): boolean {
  return (
    uses.some(({ use }) => covers(line, use)) || mentions.some(({ host }) => covers(line, `fetch ${host}`))
  );
}

const isComputed = (use: string): boolean =>
  !use.includes(" ") && !["database", "cache", "jobs"].includes(use);

function grouped<Item extends { place: Place }, Key extends string>(
  items: readonly Item[],
  key: (item: Item) => Key,
): [Key, Place[]][] {
  const groups = Map.groupBy(items, key);
  return [...groups]
    .map(([one, of]): [Key, Place[]] => [one, distinct(of.map(({ place }) => place))])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function distinct(places: readonly Place[]): Place[] {
  const known = new Set<string>();
  return places.filter(({ file, line }) => {
    const key = `${file}:${line}`;
    if (known.has(key)) return false;
    known.add(key);
    return true;
  });
}

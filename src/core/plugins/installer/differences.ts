// What changes when one revision of a plugin follows another: files, permissions, migrations, and what breaks for those that need it.
import { join } from "node:path";
import semver from "semver";
import type { GuestDescription } from "../../../wire/guest-calls.ts";
import { unapproved } from "../approval.ts";
import type { CatalogEntry } from "../catalog.ts";
import { compareActions } from "../compare-actions.ts";
import type { Manifest } from "../manifest.ts";
import { asksOf, type Ask } from "./consent.ts";
import type { ReadMigrations } from "./data.ts";
import { differences, listFiles, listingWithout } from "./digest.ts";

/** One revision: its files, and what they say of it. */
export interface Side {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Undefined where nobody has to be told. */
  readonly actions?: GuestDescription["actions"] | undefined;
}

export interface PermissionChanges {
  /** What it asks for beyond what it was allowed. */
  readonly widened: readonly Ask[];
  /** What it no longer asks for. */
  readonly narrowed: readonly Ask[];
}

export interface MigrationChanges {
  readonly added: readonly { readonly name: string; readonly undoable: boolean }[];
  /** Old ones that say something else now, or are gone: no database can follow that. */
  readonly changed: readonly string[];
}

export interface Breakage {
  /** The plugin that no longer gets what it needs. */
  readonly plugin: string;
  /** Sentences: "it needs ^1.0.0", "action 'send': input /to: 'to' is now required". */
  readonly reasons: readonly string[];
}

/** `changed src/index.ts`, `added …`, `missing …`; packages are left out. */
export async function changedFiles(before: Side, after: Side): Promise<string[]> {
  const [old, fresh] = await Promise.all([listFiles(before.folder), listFiles(after.folder)]);
  return differences(withoutPackages(old.text), withoutPackages(fresh.text));
}

const withoutPackages = (text: string): string =>
  listingWithout(text, (path) => path === "node_modules" || path.startsWith("node_modules/"));

export function changedPermissions(approved: Manifest["permissions"], after: Manifest): PermissionChanges {
  const asked = after.permissions;
  return {
    widened: asksAmong(asked, unapproved(asked, approved)),
    narrowed: asksAmong(approved, unapproved(approved, asked)),
  };
}

function asksAmong(permissions: Manifest["permissions"], lines: readonly string[]): Ask[] {
  const wanted = new Set(lines.map(allowOf));
  return asksOf(permissions).filter(({ allow }) => wanted.has(allow));
}

// `events.publish note.*` is `publish=note.*` as --allow has it.
const allowOf = (line: string): string =>
  line
    .replace(/^events\./, "")
    .replace(/^(secret|service)s /, "$1 ")
    .replace(" ", "=");

export async function changedMigrations(
  before: Side,
  after: Side,
  read: ReadMigrations,
): Promise<MigrationChanges> {
  const [old, fresh] = await Promise.all(
    [before, after].map(({ folder, manifest }) => read(join(folder, manifest.migrations))),
  );
  const known = new Set(old?.map(({ name }) => name));
  return {
    added: (fresh ?? [])
      .filter(({ name }) => !known.has(name))
      .map(({ name, undoable }) => ({ name, undoable })),
    changed: (old ?? [])
      .filter(({ name, checksum }) => fresh?.find((one) => one.name === name)?.checksum !== checksum)
      .map(({ name }) => name),
  };
}

/** Those that need exactly this plugin and say which versions. */
export function brokenRanges(after: Manifest, known: readonly CatalogEntry[]): Breakage[] {
  return known.flatMap(({ name, manifest }) => {
    const range = manifest?.dependencies[after.name];
    if (range === undefined || semver.satisfies(after.version, range, { includePrerelease: true })) return [];
    return [{ plugin: name, reasons: [`it needs ${range}`] }];
  });
}

/** Those that may call its actions. */
export function callersOf(name: string, known: readonly CatalogEntry[]): CatalogEntry[] {
  return known.filter(
    (one) =>
      one.name !== name &&
      one.manifest?.permissions.call.some((action) => action.split(".")[0] === name) === true,
  );
}

export function brokenActions(before: Side, after: Side, known: readonly CatalogEntry[]): Breakage[] {
  if (before.actions === undefined || after.actions === undefined) return [];
  const { name } = after.manifest;
  const breaks = compareActions(before.actions, after.actions);
  return callersOf(name, known).flatMap(({ name: plugin, manifest }) => {
    const called = manifest?.permissions.call ?? [];
    const reasons = breaks
      .filter(({ action }) => called.includes(`${name}.*`) || called.includes(`${name}.${action}`))
      .map(({ action, message }) => `action '${action}': ${message}`);
    return reasons.length === 0 ? [] : [{ plugin, reasons }];
  });
}

/** One entry a plugin. */
export function mergedBreakages(breakages: readonly Breakage[]): Breakage[] {
  const byPlugin = Map.groupBy(breakages, ({ plugin }) => plugin);
  return [...byPlugin].map(([plugin, same]) => ({ plugin, reasons: same.flatMap(({ reasons }) => reasons) }));
}

// Files against what was applied: what is pending, what was changed since, what is gone.
import { XcoreError } from "../base/error.ts";
import { suggestion } from "../base/nearest.ts";
import type { Applied } from "./ledger.ts";
import type { Migration } from "./target.ts";

export function statusOf(
  files: readonly { name: string; checksum: string }[],
  applied: readonly Applied[],
): Migration[] {
  const byName = new Map(applied.map((one) => [one.name, one]));
  const present = files.map(({ name, checksum }): Migration => {
    const found = byName.get(name);
    byName.delete(name);
    if (found === undefined) return { name, state: "pending", appliedAt: null };
    const state = found.checksum === checksum ? "applied" : "changed";
    return { name, state, appliedAt: found.appliedAt };
  });
  const missing = [...byName.values()].map(({ name, appliedAt }): Migration => ({
    name,
    state: "missing",
    appliedAt,
  }));
  return [...present, ...missing];
}

interface Owner {
  owner: string;
  folder: string;
  /** The command that undoes its last one. */
  undo: string;
}

/** Throws `MIGRATION_CHANGED` when an applied migration is not what it was. */
export function assertUnchanged(migrations: readonly Migration[], { owner, folder, undo }: Owner): void {
  const wrong = migrations.find(({ state }) => state === "changed" || state === "missing");
  if (wrong === undefined) return;
  const what =
    wrong.state === "changed" ? "was changed after it was applied" : "was applied, and its file is gone";
  throw new XcoreError("MIGRATION_CHANGED", `migration ${wrong.name} of ${owner} ${what} (${folder})`, {
    hint:
      wrong.state === "changed"
        ? `Bring the old text back and write a new migration for what is to change; or, while developing, undo it first: ${undo}`
        : "Bring the file back: a database knows no way from a newer state to older code.",
    details: { migration: wrong.name, state: wrong.state, folder },
  });
}

/** The names to undo, the latest first: one, or all that came after `to`. */
export function stepsDown(
  owner: string,
  applied: readonly { name: string }[],
  to: string | undefined,
): string[] {
  const latestFirst = applied.map(({ name }) => name).toReversed();
  if (to === undefined) return latestFirst.slice(0, 1);
  if (to === "0") return latestFirst;
  const stem = to.replace(/\.(sql|ts|js)$/, "");
  const found = latestFirst.findIndex((name) => name === stem || name.split(/[_-]/)[0] === stem);
  if (found !== -1) return latestFirst.slice(0, found);
  throw new XcoreError(
    "INPUT_INVALID",
    `${owner}: no migration '${to}' is applied; ${suggestion(stem, latestFirst)}`,
    {
      hint: "Name the migration that stays as the last one, or 0 to undo all.",
    },
  );
}

// Migrations as people read them: one a line, by target; and what a run has done.
import { styleText } from "node:util";
import type { Migration, PlannedMigration } from "../../core/index.ts";
import type { OutputStream } from "./status.ts";
import { outputWidth, tableLines } from "./table.ts";

export interface TargetStatus {
  target: string;
  migrations: readonly Migration[];
}

export interface TargetRun {
  target: string;
  migrations: readonly string[];
}

export function migrationLines(targets: readonly TargetStatus[], stream: OutputStream): string[] {
  const rows = targets.flatMap(({ target, migrations }) =>
    migrations.map(({ name, state, appliedAt }) => [target, name, state, timeOf(appliedAt)]),
  );
  if (rows.length === 0) return ["There are no migrations yet. Make one with: xcore migrate create"];
  const columns = [
    { title: "TARGET", shrinkTo: 12 },
    { title: "MIGRATION", shrinkTo: 20 },
    { title: "STATE" },
    { title: "APPLIED (UTC)" },
  ];
  const colour = { applied: "green", pending: "yellow", changed: "red", missing: "red" } as const;
  return tableLines(columns, rows, {
    width: outputWidth(stream),
    heading: (line) => styleText("dim", line, { stream }),
    paint(cell, { column }) {
      const state = cell.trim();
      if (column !== 2 || !Object.hasOwn(colour, state)) return cell;
      return styleText(colour[state as keyof typeof colour], cell, { stream });
    },
  });
}

export function runLines(runs: readonly TargetRun[], word: "applied" | "undone"): string[] {
  const lines = runs.flatMap(({ target, migrations }) =>
    migrations.map((name) => `${word} ${target}: ${name}`),
  );
  return lines.length > 0 ? lines : [nothing[word]];
}

export interface TargetPlan {
  target: string;
  migrations: readonly PlannedMigration[];
}

/** As SQL, so that it can be read over, or kept, or given to somebody else to run. */
export function planLines(plans: readonly TargetPlan[], word: "applied" | "undone"): string[] {
  const lines = plans.flatMap(({ target, migrations }) =>
    migrations.flatMap(({ name, statements }) => [
      `-- ${target}: ${name}`,
      ...statements.map((text) => (text.endsWith(";") ? text : `${text};`)),
      "",
    ]),
  );
  return lines.length > 0 ? lines.slice(0, -1) : [`-- ${nothing[word]}`];
}

export interface CheckReport {
  faults: readonly { target: string; migration: string; state: string }[];
  drift: readonly string[];
}

export function checkLines({ faults, drift }: CheckReport): string[] {
  if (faults.length + drift.length === 0)
    return ["Nothing is pending or changed; entities and database agree."];
  const lines = faults.map(({ target, migration, state }) => `${state} ${target}: ${migration}`);
  if (drift.length === 0) return lines;
  return [
    ...lines,
    "differs application: entities and database; this would make them agree:",
    ...drift.map((text) => `  ${text};`),
  ];
}

/** What to do about what a check or a status found, one line each. */
export function cures({ faults, drift }: CheckReport): string[] {
  const found = new Set(faults.map(({ state }) => state));
  return [
    ...(found.has("pending") ? ["Apply what is pending with: xcore migrate"] : []),
    ...(found.has("changed")
      ? [
          "Bring the old text of what was changed back and write a new migration; or, while developing, undo it before you change it: xcore migrate down",
        ]
      : []),
    ...(found.has("missing") ? ["Bring back the files that are missing."] : []),
    ...(drift.length > 0 ? ["Write a migration of what differs with: xcore migrate create <name>"] : []),
  ];
}

function timeOf(appliedAt: string | null): string {
  return appliedAt === null ? "" : appliedAt.slice(0, 16).replace("T", " ");
}

const nothing = {
  applied: "Nothing to do: no migration is pending.",
  undone: "Nothing to do: no migration is applied.",
};

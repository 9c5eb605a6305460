// Migrations as people read them: one a line, by target; and what a run has done.
import { styleText } from "node:util";
import type { Migration } from "../../core/index.ts";
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

function timeOf(appliedAt: string | null): string {
  return appliedAt === null ? "" : appliedAt.slice(0, 16).replace("T", " ");
}

const nothing = {
  applied: "Nothing to do: no migration is pending.",
  undone: "Nothing to do: no migration is applied.",
};

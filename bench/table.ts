// One row of the table of figures, and the table as text.

export interface Row {
  /** "small JSON: requests/s against plain Koa, 50 connections" */
  what: string;
  /** The figure that the goal is about; `NaN` when it could not be measured (then `measured` says why). */
  value: number;
  /** "x" is a ratio. */
  unit: "x" | "ms" | "MB" | "/s" | "us" | "";
  goal?: { atLeast: number } | { atMost: number };
  /** The absolute figures behind a ratio, or what else belongs to it. */
  measured?: string;
}

/** True, false, or undefined for a row without a goal. */
export function isMet({ goal, value }: Row): boolean | undefined {
  if (goal === undefined) return undefined;
  return "atLeast" in goal ? value >= goal.atLeast : value <= goal.atMost;
}

export function renderTable(rows: readonly Row[]): string {
  const lines = [["what", "to reach", "measured", "", ""], ...rows.map(cellsOf)];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const [head = "", ...body] = lines.map((cells) =>
    cells
      .map((cell, column) =>
        column === 2 ? cell.padStart(widths[2] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  return [head, "-".repeat(Math.max(head.length, 100)), ...body].join("\n");
}

function cellsOf(row: Row): string[] {
  const met = isMet(row);
  return [
    row.what,
    goalText(row),
    Number.isNaN(row.value) ? "-" : withUnit(row.value, row.unit),
    met === undefined ? "" : met ? "ok" : "MISS",
    row.measured ?? "",
  ];
}

function goalText({ goal, unit }: Row): string {
  if (goal === undefined) return "";
  return "atLeast" in goal ? `>= ${withUnit(goal.atLeast, unit)}` : `<= ${withUnit(goal.atMost, unit)}`;
}

function withUnit(value: number, unit: Row["unit"]): string {
  if (unit === "x") return value.toFixed(2);
  const digits = value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : unit === "MB" ? 2 : 3;
  const number = value.toLocaleString("en", { maximumFractionDigits: digits });
  return unit === "/s" || unit === "" ? `${number}${unit}` : `${number} ${unit}`;
}

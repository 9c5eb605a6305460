// Plain tables: a heading, aligned columns, one row a line, never wider than asked.

export interface Column {
  title: string;
  align?: "left" | "right";
  /** The column may be cut down to this many characters when the table is too wide. Absent: never cut. */
  shrinkTo?: number;
}

export interface TableOptions {
  /** The most characters a line may have. */
  width: number;
  /** Colours one cell after it was padded; must not change its visible width. */
  paint?: (cell: string, at: { row: number; column: number }) => string;
  heading?: (line: string) => string;
}

/** The lines of the table. Cells are made one line; what is cut ends in "…". */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): string[] {
  const cells = rows.map((row) => columns.map((_, at) => oneLine(row[at] ?? "")));
  const widths = columns.map((column, at) =>
    Math.max(lengthOf(column.title), ...cells.map((row) => lengthOf(row[at] ?? ""))),
  );
  const gap = total(widths, 2) <= options.width ? 2 : 1;
  shrink(widths, columns, options.width - gap * (columns.length - 1));
  const line = (row: readonly string[], paint: (cell: string, column: number) => string): string =>
    row
      .map((cell, at) => paint(pad(cell, widths[at] ?? 0, columns[at]?.align ?? "left"), at))
      .join(" ".repeat(gap))
      .trimEnd();
  const heading = line(
    columns.map((column) => column.title),
    (cell) => cell,
  );
  return [
    options.heading?.(heading) ?? heading,
    ...cells.map((row, at) =>
      line(row, (cell, column) => options.paint?.(cell, { row: at, column }) ?? cell),
    ),
  ];
}

/** How wide output may be: the terminal's width, 80 when there is none. */
export function outputWidth(stream: { columns?: number | undefined }): number {
  return Math.max(40, stream.columns ?? 80);
}

/** Without line breaks and control characters: names and details come from elsewhere. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
}

/** Cut to `width` characters, the last of them "…" when something is missing. */
export function truncate(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`;
}

function shrink(widths: number[], columns: readonly Column[], room: number): void {
  for (let excess = total(widths, 0) - room; excess > 0; excess -= 1) {
    let widest = -1;
    for (const [at, column] of columns.entries()) {
      const width = widths[at] ?? 0;
      if (column.shrinkTo !== undefined && width > column.shrinkTo && width > (widths[widest] ?? 0))
        widest = at;
    }
    if (widest === -1) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

function total(widths: readonly number[], gap: number): number {
  return widths.reduce((sum, width) => sum + width, gap * (widths.length - 1));
}

function pad(text: string, width: number, align: "left" | "right"): string {
  const cut = truncate(text, width);
  const space = " ".repeat(Math.max(0, width - lengthOf(cut)));
  return align === "right" ? space + cut : cut + space;
}

function lengthOf(text: string): number {
  return [...text].length;
}

// What is newer, what it brings and what an update did, as people read it.
import { styleText } from "node:util";
import type { OutdatedEntry, PluginDiff, Updated } from "../../core/index.ts";
import { oneLine, outputWidth, tableLines, truncate } from "./table.ts";

type Stream = NodeJS.WritableStream & { columns?: number | undefined };

export function outdatedLines(entries: readonly OutdatedEntry[], stream: Stream): string[] {
  if (entries.length === 0) return ["Everything is as new as it can be."];
  const width = outputWidth(stream);
  const columns = [
    { title: "PLUGIN", shrinkTo: 12 },
    { title: "CURRENT", shrinkTo: 12 },
    { title: "WANTED", shrinkTo: 12 },
    { title: "LATEST", shrinkTo: 12 },
    { title: "NOTE", shrinkTo: 10 },
  ];
  const rows = entries.map((one) => [
    one.name,
    one.current,
    one.wanted ?? "-",
    one.latest ?? one.wanted ?? "-",
    noteOf(one),
  ]);
  const table = tableLines(columns, rows, { width, heading: (line) => styleText("dim", line, { stream }) });
  const faults = entries.flatMap(({ name, fault }) =>
    fault === null ? [] : [truncate(`${name}: ${oneLine(fault.message)} (${fault.code})`, width * 3)],
  );
  return faults.length === 0 ? table : [...table, "", ...faults];
}

function noteOf({ pinned, wentBack, fault, follows }: OutdatedEntry): string {
  const notes = [
    ...(pinned ? ["pinned"] : []),
    ...(wentBack === null ? [] : [`${wentBack.version} went back by itself`]),
    ...(fault === null ? [] : ["can't be asked"]),
    ...(follows === "commit" ? ["stays at its commit"] : []),
    ...(follows === "nothing" && fault === null ? ["an archive: name a newer one with --to"] : []),
  ];
  return notes.join(", ");
}

export function diffLines(diff: PluginDiff): string[] {
  const { permissions, migrations } = diff;
  return [
    `${diff.name} ${diff.from} -> ${diff.to}`,
    `from ${diff.origin}`,
    ...section(
      diff.descends === false
        ? ["its history was rewritten: what is installed is not among its ancestors"]
        : [],
      "Careful",
    ),
    ...section(
      diff.fault === null ? [] : [`${diff.fault.message} (${diff.fault.code})`],
      "It would not be installed",
    ),
    ...section(
      permissions.widened.map((one) => one.words),
      "It also wants to",
    ),
    ...section(
      permissions.narrowed.map((one) => one.words),
      "It no longer wants to",
    ),
    ...section(
      migrations.changed.map((name) => `${name} was changed or is gone`),
      "Migrations that may have been applied",
    ),
    ...section(
      migrations.added.map(({ name, undoable }) => (undoable ? name : `${name} (can't be undone)`)),
      "New migrations",
    ),
    ...section(
      diff.broken.map(({ plugin, reasons }) => `${plugin}: ${reasons.join("; ")}`),
      "Breaks",
    ),
    ...section(
      diff.commits.map(({ id, subject, author }) => `${id.slice(0, 12)} ${subject} (${author})`),
      "Commits",
    ),
    ...section(diff.files, "Files"),
  ].map(oneLine);
}

const longest = 40;

function section(lines: readonly string[], title: string): string[] {
  if (lines.length === 0) return [];
  const shown = lines.slice(0, longest).map((line) => `  - ${line}`);
  const more = lines.length - shown.length;
  return [title, ...shown, ...(more > 0 ? [`  … and ${more} more`] : [])];
}

export function updatedLines(updated: Updated): string[] {
  const { name, from, to, origin, mounted, final, broken } = updated;
  return [
    `Updated ${name} ${from} -> ${to}, from ${origin}${mounted ? "; it is mounted" : ""}`,
    ...(final.length === 0
      ? []
      : [`  Its migrations ${final.join(", ")} can't be undone: a rollback will be refused.`]),
    ...broken.map(({ plugin, reasons }) => `  Breaks ${plugin}: ${reasons.join("; ")}`),
  ].map(oneLine);
}

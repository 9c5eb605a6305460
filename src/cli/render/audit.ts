// What a plugin's code looks as if it would use, as people read it.
import type { Audit } from "../../core/index.ts";
import { oneLine } from "./table.ts";

type Place = Audit["uses"][number]["places"][number];

const mostPlaces = 3;

export function auditLines(audit: Audit): string[] {
  const { uses, unused, mentions, dynamic } = audit;
  const missing = uses.filter(({ asked }) => !asked);
  const others = mentions.filter(({ asked }) => !asked);
  return [
    `${audit.name} ${oneLine(audit.version)}, by its syntax alone: advice, not proof. What it may do is decided by the wall and by what is approved.`,
    ...section(
      "Uses what it asks for",
      uses.filter(({ asked }) => asked).map(({ use, places }) => entry(use, places)),
    ),
    ...section(
      "Uses without asking (refused when it runs)",
      missing.map(({ use, places }) => entry(use, places)),
    ),
    ...section(
      "Asks for and is not seen to use",
      unused.map((line) => `  ${oneLine(line)}`),
    ),
    ...section(
      "Names other hosts",
      others.map(({ host, places }) => entry(host, places)),
    ),
    ...section(
      "Code or data that can't be read like this",
      dynamic.map(({ kind, places }) => entry(kind, places)),
    ),
    ...(missing.length + unused.length + others.length + dynamic.length === 0
      ? ["", "Nothing stands out."]
      : []),
  ];
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ["", title, ...lines];

function entry(what: string, places: readonly Place[]): string {
  const shown = places.slice(0, mostPlaces).map(({ file, line }) => `${file}:${line}`);
  const more = places.length > mostPlaces ? ` and ${places.length - mostPlaces} more` : "";
  return `  ${oneLine(`${what}  ${shown.join(", ")}${more}`)}`;
}

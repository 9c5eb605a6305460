// Lists of plugins and one plugin as people read them.
import { styleText } from "node:util";
import { formatDuration, formatSize } from "../../core/base/units.ts";
import type { InventoryDetail, InventoryEntry, PluginInfo, PluginStatus } from "../../core/index.ts";
import { oneLine, outputWidth, tableLines, truncate } from "./table.ts";

/** A plugin as files say it, and as a running server sees it. */
export interface ListedPlugin {
  name: string;
  version: string;
  /** The server's word where one runs; otherwise `installed`, `disabled` or `failed`. */
  state: string;
  reason: { code: string; message: string } | null;
  source: "workspace" | "installed" | "linked";
  origin: string | null;
  pinned: boolean;
  wentBack: InventoryEntry["wentBack"];
  /** It runs, or is to run, in the server's own process. */
  trusted: boolean;
  mount: string;
}

export function listedPlugin(entry: InventoryEntry, status: PluginStatus | undefined): ListedPlugin {
  const { name, source, origin, fault } = entry;
  const idle = entry.enabled ? "installed" : "disabled";
  return {
    name,
    version: status?.version ?? entry.version,
    state: status?.state ?? (fault === null ? idle : "failed"),
    reason: status?.reason ?? (fault === null ? null : { code: fault.code, message: fault.message }),
    source,
    origin,
    pinned: entry.pinned,
    wentBack: entry.wentBack,
    trusted: status?.trusted === true || entry.trusted,
    mount: status?.mount ?? `/app/${name}/`,
  };
}

type Stream = NodeJS.WritableStream & { columns?: number | undefined };

const bad = new Set(["failed", "quarantined"]);

export function pluginListLines(plugins: readonly ListedPlugin[], stream: Stream): string[] {
  if (plugins.length === 0) {
    return [
      "There are no plugins. Make one with: xcore plugin new <name>, or install one with: xcore plugin add <source>",
    ];
  }
  const width = outputWidth(stream);
  const columns = [
    { title: "PLUGIN", shrinkTo: 12 },
    { title: "VERSION", shrinkTo: 8 },
    { title: "STATE" },
    { title: "FROM", shrinkTo: 12 },
  ];
  const rows = plugins.map((one) => [
    one.name,
    one.version,
    one.state,
    `${one.pinned ? "pinned, " : ""}${one.origin ?? "this project"}${one.trusted ? ", trusted" : ""}`,
  ]);
  const table = tableLines(columns, rows, {
    width,
    heading: (line) => styleText("dim", line, { stream }),
    paint: (cell, { row, column }) => {
      if (column !== 2) return cell;
      const state = plugins[row]?.state ?? "";
      return bad.has(state) ? styleText("red", cell, { stream }) : cell;
    },
  });
  const reasons = plugins.flatMap(({ name, version, reason, wentBack }) => [
    ...(reason === null ? [] : [truncate(`${name}: ${oneLine(reason.message)} (${reason.code})`, width * 3)]),
    ...(wentBack === null
      ? []
      : [
          truncate(
            oneLine(`${name} went back from ${wentBack.version} to ${version}: ${wentBack.reason}`),
            width * 3,
          ),
        ]),
  ]);
  return reasons.length === 0 ? table : [...table, "", ...reasons];
}

/** One permission a line. */
function mayFacts({ asks, trusted }: InventoryDetail): [string, string][] {
  const words = asks.map((one) => one.words);
  if (trusted) words.unshift("do what the server can: it runs in its process");
  if (words.length === 0) return [["may", "answer requests, and nothing else"]];
  return words.map((line, at) => [at === 0 ? "may" : "", line]);
}

export function pluginInfoLines(entry: InventoryDetail, info: PluginInfo | undefined): string[] {
  const listed = listedPlugin(entry, info);
  const facts: [string, string][] = [
    ["state", listed.state],
    ...(listed.reason === null
      ? []
      : [["because", `${listed.reason.message} (${listed.reason.code})`] as [string, string]]),
    ["routes under", listed.mount],
    ["from", entry.origin ?? "this project"],
    ["folder", entry.folder],
    ...(entry.pinned ? [["pinned", "updates pass it over"] as [string, string]] : []),
    ...(entry.wentBack === null
      ? []
      : [["went back", `from ${entry.wentBack.version}: ${entry.wentBack.reason}`] as [string, string]]),
    ...(entry.integrity === null ? [] : [["integrity", entry.integrity] as [string, string]]),
    ...(entry.signature === null ? [] : [["signature", entry.signature] as [string, string]]),
    ...(entry.licenses.length === 0
      ? []
      : [["npm packages", licenseWords(entry.licenses)] as [string, string]]),
    ...mayFacts(entry),
    ...(entry.digest === null ? [] : [["bundle", entry.digest] as [string, string]]),
    ["runs", entry.trusted ? "trusted, in the server's own process" : "in a sandbox"],
    ...dependencyFacts(entry),
    ...(info === undefined ? [] : liveFacts(info)),
  ];
  const width = Math.max(...facts.map(([label]) => label.length));
  const heading = `${entry.name} ${listed.version}${entry.description === "" ? "" : `: ${oneLine(entry.description)}`}`;
  return [heading, ...facts.map(([label, value]) => `  ${label.padEnd(width)}  ${oneLine(value)}`)];
}

/** "MIT (12), ISC (1: graceful-fs@4.2.11)": what is rare is named. */
export function licenseWords(groups: InventoryEntry["licenses"]): string {
  return groups
    .map(({ license, packages }) => {
      const few = packages.length <= 2 || license === "unknown";
      return `${license} (${few ? packages.join(" ") : packages.length})`;
    })
    .join(", ");
}

function dependencyFacts({ dependencies }: InventoryEntry): [string, string][] {
  const needs = Object.entries(dependencies).map(([name, range]) => `${name} ${range}`);
  return needs.length === 0 ? [] : [["needs", needs.join(", ")]];
}

function circuitFact({
  caller,
  action,
  state,
  failures,
  retryInMs,
}: PluginInfo["circuits"][number]): [string, string] {
  const words = {
    closed: "still called",
    open: `tried again in ${formatDuration(retryInMs)}`,
    "half-open": "tried by the next call",
  };
  return ["circuit", `${action} failed ${caller} ${failures} times in a row, ${words[state]}`];
}

function liveFacts(info: PluginInfo): [string, string][] {
  const { declares } = info;
  return [
    ...(info.trusted
      ? []
      : [
          ["memory", `${formatSize(info.heapBytes)} of ${formatSize(info.heapLimitBytes)}`] as [
            string,
            string,
          ],
        ]),
    ...(info.isolates.wanted > 1
      ? [["isolates", `${info.isolates.living} of ${info.isolates.wanted}`] as [string, string]]
      : []),
    ["up", formatDuration(info.uptimeMs)],
    ["requests", `${info.requestsPerMinute} a minute, ${info.errors} errors`],
    ["restarts", String(info.restarts)],
    ...info.circuits.map(circuitFact),
    ...(declares === null
      ? []
      : ([
          ["routes", [...declares.routes, ...(declares.fetch ? ["fetch handler"] : [])].join(", ") || "none"],
          ["actions", Object.keys(declares.actions).join(", ") || "none"],
          ["jobs", Object.keys(declares.jobs).join(", ") || "none"],
          ["events", declares.events.join(", ") || "none"],
          ["publishes", Object.keys(declares.publishes).join(", ") || "nothing with a schema"],
        ] as [string, string][])),
  ];
}

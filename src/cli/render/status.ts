// The status report as people read it, within 80 columns.
import { styleText } from "node:util";
import { formatDuration, formatSize } from "../../core/base/units.ts";
import type { PluginStatus, StatusReport } from "../../core/status.ts";
import { oneLine, outputWidth, tableLines, truncate } from "./table.ts";

export interface OutputStream extends NodeJS.WritableStream {
  columns?: number | undefined;
}

type Style = Parameters<typeof styleText>[0];

/** Lines without a closing break; coloured only when `stream` is a terminal and NO_COLOR is not set. */
export function statusLines(report: StatusReport, stream: OutputStream): string[] {
  const width = outputWidth(stream);
  const style: Painter = (name, text) => styleText(name, text, { stream });
  return [
    ...coreLines(report, width, style),
    "",
    ...serviceLines(report.services, width, style),
    "",
    ...pluginLines(report.plugins, width, style),
    ...wentBackLines(report.plugins, width),
    "",
    jobsLine(report.jobs, style),
    ...tenantLines(report.tenants, style),
    ...problemLines(report.problems, width, style),
  ];
}

type Painter = (name: Style, text: string) => string;

function coreLines({ core, healthy }: StatusReport, width: number, style: Painter): string[] {
  const state = healthy ? style("green", "healthy") : style("yellow", "degraded");
  const room = width - "  degraded".length;
  const facts = [
    `up ${formatDuration(core.uptimeMs)}`,
    `${formatSize(core.rssBytes)} memory`,
    `${decimal(core.requestsPerSecond)} req/s`,
    `p95 ${milliseconds(core.p95Ms)}`,
    `loop lag ${milliseconds(core.loopLagMs)}`,
  ];
  const identity = [
    `xcore ${core.xcore}`,
    `node ${core.node.replace(/^v/, "")}`,
    `pid ${core.pid}`,
    core.environment,
    ...(core.watching ? ["watching"] : []),
  ];
  return [
    `${style("bold", truncate(`${oneLine(core.name)}  ${oneLine(core.address)}`, room))}  ${state}`,
    truncate(facts.join(" · "), width),
    style("dim", truncate(identity.join(" · "), width)),
  ];
}

function serviceLines(services: StatusReport["services"], width: number, style: Painter): string[] {
  return tableLines(
    [
      { title: "SERVICE", shrinkTo: 10 },
      { title: "DRIVER", shrinkTo: 8 },
      { title: "STATE" },
      { title: "LATENCY", align: "right" },
      { title: "DETAIL", shrinkTo: 10 },
    ],
    services.map((service) => [
      service.name,
      service.driver,
      service.ok ? "ok" : "down",
      milliseconds(service.latencyMs),
      service.detail,
    ]),
    {
      width,
      heading: (line) => style("dim", line),
      paint: (cell, at) =>
        at.column === 2 ? style(services[at.row]?.ok === true ? "green" : "red", cell) : cell,
    },
  );
}

const stateStyles: Readonly<Record<PluginStatus["state"], Style>> = {
  installed: "dim",
  loading: "cyan",
  ready: "green",
  draining: "cyan",
  stopped: "dim",
  failed: "red",
  quarantined: "red",
};

function pluginLines(plugins: readonly PluginStatus[], width: number, style: Painter): string[] {
  if (plugins.length === 0) return [style("dim", "No plugins. Make one with: xcore plugin new my-plugin")];
  return tableLines(
    [
      { title: "PLUGIN", shrinkTo: 8 },
      { title: "VERSION", shrinkTo: 7 },
      { title: "STATE" },
      { title: "HEAP", align: "right" },
      { title: "CPU", align: "right" },
      { title: "REQ/MIN", align: "right" },
      { title: "P95", align: "right" },
      { title: "ERR", align: "right" },
      { title: "RESTART", align: "right" },
      { title: "UP", align: "right" },
    ],
    plugins.map((plugin) => [
      plugin.name,
      plugin.version,
      plugin.inspected ? "inspected" : stateOf(plugin),
      plugin.trusted ? "trusted" : `${megabytes(plugin.heapBytes)}/${megabytes(plugin.heapLimitBytes)}M`,
      `${Math.round(plugin.cpu * 100)}%`,
      short(plugin.requestsPerMinute),
      milliseconds(plugin.p95Ms).replace(" ", ""),
      short(plugin.errors),
      short(plugin.restarts),
      formatDuration(plugin.uptimeMs).replaceAll(" ", ""),
    ]),
    {
      width,
      heading: (line) => style("dim", line),
      paint: (cell, at) =>
        at.column === 2 ? style(stateStyles[plugins[at.row]?.state ?? "installed"], cell) : cell,
    },
  );
}

/** With several isolates, how many of them answer. */
function stateOf({ state, isolates: { living, wanted } }: PluginStatus): string {
  return state === "ready" && wanted > 1 ? `${state} ${living}/${wanted}` : state;
}

function wentBackLines(plugins: readonly PluginStatus[], width: number): string[] {
  return plugins.flatMap(({ name, version, wentBack }) =>
    wentBack === null
      ? []
      : wrap(oneLine(`${name} went back from ${wentBack.version} to ${version}: ${wentBack.reason}`), width),
  );
}

function tenantLines(tenants: StatusReport["tenants"], style: Painter): string[] {
  if (tenants === undefined) return [];
  return [`${style("dim", "TENANTS")}  ${tenants.active} active · ${tenants.suspended} suspended`];
}

function jobsLine(jobs: StatusReport["jobs"], style: Painter): string {
  const failed = `${jobs.failed} failed`;
  return `${style("dim", "JOBS")}  ${jobs.waiting} waiting · ${jobs.running} running · ${
    jobs.failed > 0 ? style("red", failed) : failed
  }`;
}

function problemLines(problems: readonly string[], width: number, style: Painter): string[] {
  if (problems.length === 0) return [];
  return [
    "",
    style("yellow", problems.length === 1 ? "1 problem" : `${problems.length} problems`),
    ...problems.flatMap((problem) =>
      problemText(problem, width - 4).map((line, at) => `${at === 0 ? "  - " : "    "}${line}`),
    ),
  ];
}

const mostProblemLines = 8;

/** What follows the first line is a frame of code, whose columns mean something. */
function problemText(problem: string, width: number): string[] {
  const [first = "", ...frame] = problem.split("\n").slice(0, mostProblemLines);
  return [...wrap(oneLine(first), width), ...frame.map((line) => truncate(oneLine(line), width))];
}

/** Broken at spaces; a word longer than the line is cut. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= width) line = longer;
    else {
      if (line !== "") lines.push(line);
      line = truncate(word, width);
    }
  }
  return [...lines, line];
}

/** `6.6 ms`, or `-` where there is none. */
export function milliseconds(ms: number | null): string {
  return ms === null ? "-" : formatDuration(ms);
}

function megabytes(bytes: number): string {
  return String(Math.round(bytes / 1024 ** 2));
}

function decimal(value: number): string {
  return value >= 10 ? short(value) : String(Math.round(value * 10) / 10);
}

/** 1234 as "1.2k": a count that fits a narrow column. */
function short(value: number): string {
  if (value < 1000) return String(Math.round(value));
  const [scaled, unit] = value < 1_000_000 ? [value / 1000, "k"] : [value / 1_000_000, "M"];
  return `${scaled < 10 ? Math.round(scaled * 10) / 10 : Math.round(scaled)}${unit}`;
}

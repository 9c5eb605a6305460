// A plugin of a registry as people read it.
import type { RegistryInfo } from "../../core/index.ts";
import { oneLine } from "./table.ts";

/** What a registry says of a plugin that is not installed. */
export function registryInfoLines(info: RegistryInfo): string[] {
  const needs = Object.entries(info.dependencies).map(([name, range]) => `${name} ${range}`);
  const facts: [string, string][] = [
    ["registry", `${info.registry} (${info.url})`],
    ["published", info.published],
    ["signature", info.signature],
    ["versions", info.versions.slice(0, 20).join(", ")],
    ["xcore", info.xcore],
    ...(needs.length === 0 ? [] : [["needs", needs.join(", ")] as [string, string]]),
    [
      "asks to",
      info.asks.length === 0
        ? "answer requests, and nothing else"
        : info.asks.map((one) => one.words).join("; "),
    ],
  ];
  const width = Math.max(...facts.map(([label]) => label.length));
  const about = info.description === "" ? "" : `: ${oneLine(info.description)}`;
  return [
    `${info.name} ${oneLine(info.version)}${about}`,
    ...facts.map(([label, value]) => `  ${label.padEnd(width)}  ${oneLine(value)}`),
  ];
}

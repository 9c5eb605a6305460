// What the log says about a plugin's ends.
import type { LogLine } from "./workspace.ts";

/**
 * Each end with its code and details. Those for which the machine had not let the plugin run are nobody's doing, and happen to
 * any plugin on a busy machine: they are left out unless asked for.
 */
export function endsOf(
  log: readonly LogLine[],
  plugin: string,
  { starved } = { starved: false },
): Record<string, unknown>[] {
  return log
    .filter(({ level, fields }) => level === "error" && fields["plugin"] === plugin)
    .map(({ fields }) => fields)
    .filter((fields) => "killedHost" in fields && !("url" in fields))
    .filter((fields) => starved || fields["starved"] !== true);
}

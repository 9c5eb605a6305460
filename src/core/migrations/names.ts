// How migration files are named: by the time they were made, so that two branches rarely meet.
import { XcoreError } from "../base/error.ts";

/** `20261123003400`, UTC. */
export function fileStamp(now = new Date()): string {
  return now.toISOString().replaceAll(/[-T:]|\..*$/g, "");
}

/** "Create notes" as `create_notes`. */
export function slug(name: string | undefined): string {
  const text = (name ?? "migration")
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, "_");
  if (/^[a-z0-9_]{1,60}$/.test(text)) return text;
  throw new XcoreError("USAGE", `'${name}' can't be the name of a migration`, {
    hint: "Use letters, digits, dashes and underscores, at most 60: xcore migrate create add_tags",
  });
}

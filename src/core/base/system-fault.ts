// What the system refuses for reasons outside of xcore: no right to a file, no room on the disk.
import { XcoreError, messageOf, systemCode } from "./error.ts";

const denied = new Map([
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EROFS", "the disk is read-only"],
]);
const full = new Set(["ENOSPC", "EDQUOT"]);

/** `PATH_DENIED` or `DISK_FULL`, naming the path where Node does; undefined when `error` is something else. */
export function systemFault(error: unknown): XcoreError | undefined {
  const code = systemCode(error) ?? "";
  const why = denied.get(code);
  const path = error instanceof Error && "path" in error ? String(error.path) : undefined;
  if (why !== undefined && path !== undefined) {
    return new XcoreError("PATH_DENIED", `${path} can't be used: ${why}`, {
      hint: "See who owns it (ls -ld) and run as that user; xcore doctor looks at the rest of the project.",
      details: { path },
      cause: error,
    });
  }
  if (!full.has(code)) return undefined;
  const where = path === undefined ? "" : ` for ${path}`;
  return new XcoreError("DISK_FULL", `there is no room left on the disk${where}: ${messageOf(error)}`, {
    hint: "Make room there, then try again.",
    cause: error,
  });
}

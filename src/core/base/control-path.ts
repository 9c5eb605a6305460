// Where the control socket of a server lies: the server listens here, the CLI connects here. The file's permissions are the authorisation.
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A unix socket's path must fit `sun_path`: 104 bytes on macOS, 108 on Linux, with a closing zero. */
const maxPathBytes = 100;

/** `.xcore/control.sock`, or a short path under the temporary folder when that would be too long for a socket. */
export function controlSocketPath(stateFolder: string): string {
  const path = join(stateFolder, "control.sock");
  if (Buffer.byteLength(path) <= maxPathBytes) return path;
  const hash = createHash("sha256").update(stateFolder).digest("hex").slice(0, 16);
  return join(tmpdir(), `xcore-${process.getuid?.() ?? 0}-${hash}`, "control.sock");
}

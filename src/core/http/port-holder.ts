// Who holds a TCP port, where the system lets us see it (Linux, from /proc).
import { readdir, readFile, readlink } from "node:fs/promises";

const listening = "0A";

/** "pid 4711 (node)" or undefined when it can't be told. */
export async function portHolder(port: number): Promise<string | undefined> {
  try {
    const inodes = new Set(
      (await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((file) => inodesOf(file, port)))).flat(),
    );
    if (inodes.size === 0) return undefined;
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      if (!(await holds(pid, inodes))) continue;
      const name = (await readFile(`/proc/${pid}/comm`, "utf8")).trim();
      return `pid ${pid} (${name})`;
    }
  } catch {
    return undefined;
  }
  return undefined;
}

async function inodesOf(file: string, port: number): Promise<string[]> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = (await readFile(file, "utf8").catch(() => "")).split("\n").slice(1);
  return lines.flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    return fields[1]?.endsWith(suffix) === true && fields[3] === listening && fields[9] !== undefined
      ? [fields[9]]
      : [];
  });
}

async function holds(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}

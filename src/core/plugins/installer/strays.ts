// Ends what git has started and leaves behind when it is stopped: transport helpers live on as long as the other side keeps them.
import { readdir, readlink, realpath } from "node:fs/promises";

/** Kills every process of ours that works in `folder`. Where there is no /proc they end by themselves, when their connection does. */
export async function endStrays(folder: string): Promise<void> {
  const place = await realpath(folder).catch(() => folder);
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  await Promise.all(
    pids.map(async (pid) => {
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
      if (cwd !== place || Number(pid) === process.pid) return;
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It ended in between.
      }
    }),
  );
}

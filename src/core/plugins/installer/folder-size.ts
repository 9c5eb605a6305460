// How large a folder is, and how large it grows while another program writes into it.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Calls `stop` once the files below the folder have more than `cap` bytes. Looks five times a second until disposed. */
export function watchSize(
  folder: string,
  cap: number,
  stop: () => void,
): AsyncDisposable & { readonly exceeded: boolean } {
  let exceeded = false;
  let measuring = Promise.resolve();
  const measure = async (): Promise<void> => {
    if ((await sizeOf(folder)) <= cap) return;
    exceeded = true;
    stop();
  };
  const timer = setInterval(() => {
    measuring = measure();
  }, 200);
  return {
    get exceeded() {
      return exceeded;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await measuring;
    },
  };
}

/** Bytes of all files below it. */
export async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  let total = 0;
  for (const name of names) {
    const info = await stat(join(folder, name)).catch(() => undefined);
    if (info?.isFile() === true) total += info.size;
  }
  return total;
}

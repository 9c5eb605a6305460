// Where an installation gets ready, under `.xcore/staging/`: a place for each that is at work, and none left behind by the dead.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { tryHold } from "./exclusive.ts";

export interface Staging extends AsyncDisposable {
  /** A new empty folder. */
  room(): Promise<string>;
}

/** What killed predecessors left is removed first: the system has released what they held. */
export async function openStaging(stateFolder: string): Promise<Staging> {
  const root = join(stateFolder, "staging");
  await sweep(root);
  for (;;) {
    await mkdir(root, { recursive: true, mode: 0o700 });
    const place = await mkdtemp(join(root, "at-work-"));
    const release = hold(place);
    // A sweep in between may have taken it for a dead one's: then the file held is no longer the one that lies there.
    if (release !== undefined && existsSync(heldFile(place))) return staging(root, place, release);
    release?.();
  }
}

const youngMs = 60_000;
const heldFile = (place: string): string => join(place, "held");

function hold(place: string): (() => void) | undefined {
  try {
    return tryHold(heldFile(place));
  } catch (error) {
    if (existsSync(place)) throw error;
    return undefined;
  }
}

function staging(root: string, place: string, release: () => void): Staging {
  return {
    room: () => mkdtemp(join(place, "room-")),
    async [Symbol.asyncDispose]() {
      await rm(place, { recursive: true, force: true });
      release();
      await rmdir(root).catch(() => undefined);
    },
  };
}

async function sweep(root: string): Promise<void> {
  const names = await readdir(root).catch(() => []);
  for (const name of names) {
    const place = join(root, name);
    const release = existsSync(heldFile(place)) ? hold(place) : await abandoned(place);
    if (release === undefined) continue;
    await rm(place, { recursive: true, force: true });
    release();
  }
}

// One that is just being made has no file yet.
async function abandoned(place: string): Promise<(() => void) | undefined> {
  const info = await stat(place).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > youngMs ? () => undefined : undefined;
}

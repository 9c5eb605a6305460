// Puts a new folder in place all at once: built beside it, moved at the end, gone without a trace when anything fails.
import { mkdir, mkdtemp, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { XcoreError, messageOf, systemCode } from "../base/error.ts";
import { systemFault } from "../base/system-fault.ts";

export interface PlaceOptions {
  /** Absolute. It may exist when there is nothing in it but what `ignored` names. */
  target: string;
  /** Writes the new content into an empty folder. */
  build(staging: string): Promise<void>;
  /** Names that may already be there. */
  ignored?: readonly string[];
  /** Aborted by Ctrl-C: nothing stays behind. */
  signal: AbortSignal;
}

/** Throws `FOLDER_NOT_EMPTY` naming what is in the way. */
export async function placeFolder({ target, build, ignored = [], signal }: PlaceOptions): Promise<void> {
  const existed = await assertFree(target, ignored);
  const parent = dirname(target);
  await using undo = new AsyncDisposableStack();
  const made = await mkdir(parent, { recursive: true }).catch((cause: unknown) => {
    throw cannotCreate(target, cause);
  });
  if (made !== undefined) undo.defer(() => removeEmpty(parent, made));
  const beside = await mkdtemp(join(parent, `.${basename(target)}-xcore-`)).catch((cause: unknown) => {
    throw cannotCreate(target, cause);
  });
  undo.defer(() => rm(beside, { recursive: true, force: true, maxRetries: 3 }));
  // A temporary folder is for its owner alone; what is made in it has the modes everything else has.
  const staging = join(beside, "new");
  await mkdir(staging);
  signal.throwIfAborted();
  await build(staging);
  signal.throwIfAborted();
  if (existed) await moveInto(staging, target);
  else {
    await assertFree(target, []);
    await rename(staging, target);
  }
}

/** Whether the folder exists; throws when it holds anything that is not ignored. */
async function assertFree(target: string, ignored: readonly string[]): Promise<boolean> {
  const names = await readdir(target).catch((cause: unknown) => {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw cannotCreate(target, cause);
  });
  if (names === undefined) return false;
  const inTheWay = names.filter((name) => !ignored.includes(name)).sort();
  if (inTheWay.length === 0) return true;
  const shown = inTheWay.slice(0, 10).join(", ");
  const more = inTheWay.length > 10 ? ` and ${inTheWay.length - 10} more` : "";
  throw new XcoreError("FOLDER_NOT_EMPTY", `${target} is not empty; in the way: ${shown}${more}`, {
    hint: "Choose another folder, or move these away first. Nothing was changed.",
    details: { folder: target, clashes: inTheWay },
  });
}

// A shell may stand in the folder (`xcore new .`): replacing it would leave the shell in a folder that is gone.
async function moveInto(staging: string, target: string): Promise<void> {
  const moved: string[] = [];
  try {
    for (const name of await readdir(staging)) {
      await rename(join(staging, name), join(target, name));
      moved.push(name);
    }
  } catch (error) {
    for (const name of moved) await rm(join(target, name), { recursive: true, force: true });
    throw error;
  }
}

/** Removes folders that were made on the way, from the innermost to `outermost`, as long as they are empty. */
async function removeEmpty(innermost: string, outermost: string): Promise<void> {
  for (let folder = innermost; folder.length >= outermost.length; folder = dirname(folder)) {
    const removed = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (!removed) return;
  }
}

function cannotCreate(target: string, cause: unknown): XcoreError {
  const notFolder = systemCode(cause) === "ENOTDIR" || systemCode(cause) === "EEXIST";
  return new XcoreError(
    systemFault(cause)?.code ?? "FOLDER_NOT_EMPTY",
    notFolder
      ? `${target} can't be a folder: a file is in the way`
      : `${target} can't be made: ${messageOf(cause)}`,
    { hint: "Choose a folder that you may write to.", details: { folder: target }, cause },
  );
}

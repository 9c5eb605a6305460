// The one step that changes what runs: xcore.lock is written, a running server follows, and if it can't, both go back.
import { XcoreError, asXcoreError, messageOf } from "../../base/error.ts";
import { codes, type Code } from "../../base/codes.ts";
import { lockBytes, restoreLock, writeLock, type Lock } from "../lock.ts";
import type { Workroom } from "./context.ts";

export interface Change {
  lock: Lock;
  /** The plugin it is about: when the server fails to load this one, the change goes back. */
  name: string;
  /** As messages have it: `plugin 'notes' was not updated`. */
  done: "installed" | "updated" | "rolled back" | "linked";
  workroom: Workroom;
  /** Brings the data to what the new state knows; called once the lock is written, before the server follows. */
  migrate?: (() => Promise<void>) | undefined;
  /** Takes the data back to what the old state knows; called once the lock is as it was, before the server follows. */
  revert?: () => Promise<void>;
  /** Takes back what was done before, once the server has left it. */
  undo: () => Promise<void>;
}

/** Whether a running server follows. Throws what kept it from doing so, with everything as it was. */
export async function commit({
  lock,
  name,
  done,
  workroom,
  migrate,
  revert,
  undo,
}: Change): Promise<boolean> {
  const { workspace } = workroom.config;
  const before = await lockBytes(workspace);
  try {
    await writeLock(workspace, lock);
    await migrate?.();
    const outcome = await workroom.notify();
    const failure = outcome?.failed.find((one) => one.name === name);
    if (failure !== undefined) throw notLoaded(name, done, failure);
    return outcome !== undefined;
  } catch (error) {
    await restoreLock(workspace, before);
    const stuck = await revert?.().catch((fault: unknown) => fault);
    await workroom.notify().catch(() => undefined);
    await undo();
    throw stuck === undefined ? asXcoreError(error) : dataAhead(asXcoreError(error), stuck);
  }
}

function notLoaded(
  name: string,
  done: Change["done"],
  failure: { code: string; message: string },
): XcoreError {
  const code: Code = Object.hasOwn(codes, failure.code) ? (failure.code as Code) : "PLUGIN_START";
  return new XcoreError(
    code,
    `plugin '${name}' was not ${done}, since the running server could not load it: ${failure.message}`,
    { hint: ["Everything is as it was before.", ...cure(name, code)].join(" "), details: { plugin: name } },
  );
}

function cure(name: string, code: Code): string[] {
  if (code !== "MIGRATION_CHANGED") return [];
  const drop = `xcore plugin rm ${name} --data drop`;
  return [`Its data was migrated by another version: install that one, or drop the data first: ${drop}`];
}

function dataAhead(error: XcoreError, stuck: unknown): XcoreError {
  return new XcoreError(
    error.code,
    `${error.message}; and its data could not be taken back: ${messageOf(stuck)}`,
    {
      hint: "Everything else is as it was before. Its schema has migrations that the old revision does not know.",
      details: error.details,
      cause: error,
    },
  );
}

// A running server heals what a killed installer left: xcore.lock was written, and nobody lived to tell the server.
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { holderFile, mutexFile, tryHold } from "./exclusive.ts";

export interface HealOptions {
  stateFolder: string;
  logger: Logger;
  /** Brings the server in step with xcore.lock. */
  sync(): Promise<unknown>;
}

const lookEveryMs = 2_000;

/** Looks every two seconds whether the last installer died at its work, until disposed. */
export function healAbandoned(options: HealOptions): Disposable {
  const { stateFolder, logger, sync } = options;
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    if (!existsSync(join(stateFolder, holderFile))) return;
    const release = tryHold(join(stateFolder, mutexFile));
    if (release === undefined) return;
    try {
      logger.warn(
        {},
        "a command that changes plugins was killed; the server follows xcore.lock as it is now",
      );
      await sync();
      await rm(join(stateFolder, holderFile), { force: true });
    } finally {
      release();
    }
  };
  const timer = setInterval(() => {
    looking ??= look()
      .catch((error: unknown) =>
        logger.error({ error: messageOf(error) }, "xcore.lock could not be followed"),
      )
      .finally(() => {
        looking = undefined;
      });
  }, lookEveryMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

// A pool of real hosts for one test file, with the raw runtime unless asked otherwise; all of it ends with the file.
import { after } from "node:test";
import type { XcoreError } from "../../../src/core/base/error.ts";
import { silentLogger } from "../../../src/core/base/log.ts";
import { createSandboxPool, type SandboxPoolOptions } from "../../../src/core/sandbox/pool.ts";
import type { SandboxPool } from "../../../src/core/sandbox/sandbox.ts";
import { ensureBuilt } from "./built.ts";
import { isStarved, rawRuntime } from "./raw.ts";

export async function testPool(options: Partial<SandboxPoolOptions> = {}): Promise<SandboxPool> {
  await ensureBuilt();
  const pool = patient(
    createSandboxPool({ logger: silentLogger, runtime: rawRuntime, spare: false, ...options }),
  );
  after(() => pool[Symbol.asyncDispose]());
  return pool;
}

/** The pool, with openings that the machine did not let finish made again, as a server makes them. */
export function patient(pool: SandboxPool): SandboxPool {
  const open = pool.open.bind(pool);
  pool.open = async (options) => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await open(options);
      } catch (error) {
        const isSlow = isStarved(error) || (error as XcoreError).code === "PLUGIN_TIMEOUT";
        if (!isSlow || tries === 5) throw error;
      }
    }
  };
  return pool;
}

// A sandbox whose plugin sees and says raw records: what a plugin could do that had taken over the guest runtime.
import type { SandboxOptions } from "../../../src/core/sandbox/sandbox.ts";
import { XcoreError } from "../../../src/core/base/error.ts";

/** Hands each record to the plugin's `onRecord(record, say)`; `say` puts a record into the outbox. */
export const rawRuntime = `(() => {
  let out = "", wake = "-", boot;
  const say = (record) => { out += record.length + ":" + record; };
  globalThis.raw = (text) => { out += text; };
  globalThis.wakeIn = (ms) => { wake = String(ms); };
  const describe = (extra = {}) =>
    say("V0\\n" + JSON.stringify({ routes: [], fetch: true, actions: {}, jobs: {}, events: [], ...extra }));
  globalThis.__xcore_runtime = {
    receive(batch) {
      if (batch === "" && boot !== undefined) {
        if (__xcore_plugin.onBoot) __xcore_plugin.onBoot(boot, say, describe);
        else describe();
        boot = undefined;
        return wake + "+;";
      }
      if (batch === "") { wake = "-"; __xcore_plugin.onWake?.(say); return wake + "+;"; }
      let at = 0;
      while (at < batch.length) {
        const colon = batch.indexOf(":", at), end = colon + 1 + Number(batch.slice(at, colon));
        const record = batch.slice(colon + 1, end);
        at = end;
        if (record[0] === "B") boot = record;
        else __xcore_plugin.onRecord?.(record, say);
      }
      return wake + "+;";
    },
    drain() { const said = wake + ";" + out; out = ""; return said; },
  };
})();`;

/** The id in a record's head. */
export const idOf = `const idOf = (record) => record.slice(1).split(/[ \\n]/)[0];`;

// Wide enough for a machine that is taken away for a second; tests of a limit set their own.
const limits = {
  memoryBytes: 64 * 1024 ** 2,
  cpuMs: 3000,
  timeoutMs: 60_000,
  rate: undefined,
  streamIdleMs: 120_000,
  streamTimeMs: 3_600_000,
  streamBytes: 1024 ** 3,
};

export interface RawPlugin extends Partial<Omit<SandboxOptions, "limits">> {
  limits?: Partial<SandboxOptions["limits"]>;
}

/** Options of a sandbox with the given members of `__xcore_plugin`. */
export function rawOptions(members: string, options: RawPlugin = {}): SandboxOptions {
  return {
    label: "raw@1.0.0",
    group: "shared",
    code: `${idOf} var __xcore_plugin = { ${members} };`,
    sourceMap: undefined,
    boot: { plugin: "raw", version: "1.0.0", config: {}, permissions: [] },
    onHostCall: () => Promise.resolve(null),
    onLog: () => undefined,
    onEnd: () => undefined,
    ...options,
    limits: { ...limits, ...options.limits },
  };
}

/** V8 stopped it by the clock on the wall while the machine did not let it run: that is nobody's doing, and is tried again. */
export function isStarved(error: unknown): boolean {
  return error instanceof XcoreError && error.details["starved"] === true;
}

/** An `onEnd` and the promise of its reason. */
export function ending(): { onEnd(reason: XcoreError): void; ended: Promise<XcoreError> } {
  const { promise, resolve } = Promise.withResolvers<XcoreError>();
  return { onEnd: resolve, ended: promise };
}

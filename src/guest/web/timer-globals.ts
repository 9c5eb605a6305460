// setTimeout and its kin over the isolate's timers.
import type { Timers } from "../timers.ts";

type Callback = (...args: unknown[]) => void;

export function timerGlobals(
  timers: Timers,
  report: (where: string, thrown: unknown) => void,
): Readonly<Record<string, unknown>> {
  const set = (name: string, repeat: boolean) => {
    return (callback: Callback, ms: number = 0, ...args: unknown[]): number => {
      requireFunction(name, callback);
      return timers.set(() => callback(...args), Number(ms), repeat);
    };
  };
  const clear = (id: number | undefined): void => {
    if (id !== undefined) timers.clear(Number(id));
  };
  // Awaiting instead of `then`: it does not ask a Promise.prototype that the plugin may have changed.
  const runSoon = async (callback: Callback): Promise<void> => {
    await undefined;
    try {
      callback();
    } catch (thrown) {
      report("a microtask", thrown);
    }
  };
  return {
    setTimeout: set("setTimeout", false),
    setInterval: set("setInterval", true),
    clearTimeout: clear,
    clearInterval: clear,
    queueMicrotask: (callback: Callback): void => {
      requireFunction("queueMicrotask", callback);
      void runSoon(callback);
    },
  };
}

function requireFunction(name: string, callback: unknown): void {
  if (typeof callback !== "function")
    throw new TypeError(`${name}: expected a function, got ${typeof callback}`);
}

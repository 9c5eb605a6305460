// The script every isolate runs first. It leaves one thing behind for the host to take: `__xcore_runtime`.
import "./parts.ts";
import { lockDown } from "./lock-down.ts";
import { Runtime } from "./runtime.ts";
import { installGlobals } from "./web/globals.ts";

const runtime = new Runtime();
lockDown();
installGlobals(runtime);

Object.defineProperty(globalThis, "__xcore_runtime", {
  configurable: true,
  value: Object.freeze({
    receive: (batch: string): string => runtime.receive(batch),
    drain: (again?: string): string => runtime.drain(again === "again"),
  }),
});

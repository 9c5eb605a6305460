// The runtime of one trusted plugin, in the core's own process: the build puts an object of its own in place of `globalThis`.
// It leaves `__xcore_runtime` there, and the web's globals as far as they belong to the plugin.
import { Runtime } from "./runtime.ts";
import { installGlobals } from "./web/globals.ts";

const runtime = new Runtime();
const { outbox } = runtime;
let onOutbox = (): void => undefined;

// In an isolate whoever enters it asks for the outbox. Here handlers go on at any time, so whoever adds to it says so.
const add = outbox.add.bind(outbox);
outbox.add = (record) => {
  add(record);
  onOutbox();
};
const atDrain = outbox.atDrain.bind(outbox);
outbox.atDrain = (flusher) => {
  atDrain(flusher);
  onOutbox();
};
installGlobals(runtime);

Object.defineProperty(globalThis, "__xcore_runtime", {
  value: Object.freeze({
    receive: (batch: string): string => runtime.receive(batch),
    drain: (): string => runtime.drain(false),
    listen: (listener: () => void): void => {
      onOutbox = listener;
    },
  }),
});

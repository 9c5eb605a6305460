// A sandbox whose guest is the test: what is sent to it is kept, what it says is `say`.
import { RemoteSandbox } from "../../../src/core/sandbox/remote-sandbox.ts";
import { encodeBatch } from "../../../src/wire/records.ts";
import { ending, rawOptions, type RawPlugin } from "./raw.ts";

export const request = {
  method: "GET",
  url: "http://x/a",
  headers: [],
  body: "",
  encoding: "utf8",
} as const;

export function remote(options: RawPlugin = {}) {
  const { onEnd, ended } = ending();
  const sent: string[] = [];
  const sandbox = new RemoteSandbox(rawOptions("", { onEnd, ...options }), {
    hostPid: 1,
    queued: () => 0,
    send: (text) => sent.push(text),
    suspect: () => undefined,
    inspect: () => undefined,
    leave: () => undefined,
  });
  const say = (...records: string[]): void => unhurried(() => sandbox.receive(encodeBatch(records)));
  say(`V0\n${JSON.stringify({ routes: [], fetch: true, actions: {}, jobs: {}, events: [] })}`);
  return { sandbox, sent, say, ended };
}

/** Works in no time at all: what a sandbox says is put off when it takes the core long, as it does where the machine stands still. */
function unhurried(work: () => void): void {
  const at = performance.now();
  performance.now = () => at;
  try {
    work();
  } finally {
    Reflect.deleteProperty(performance, "now");
  }
}

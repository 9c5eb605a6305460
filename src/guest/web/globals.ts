// Puts the web's globals in their places. What is large or rarely needed is loaded when somebody first touches it.
import type { HostLink } from "../host-link.ts";
import { AbortController, AbortSignal } from "./abort.ts";
import { Blob, File } from "./blob.ts";
import { makeConsole } from "./console.ts";
import { makeCrypto } from "./crypto.ts";
import { CryptoKey } from "./subtle/key.ts";
import { DOMException } from "./dom-exception.ts";
import { Event, EventTarget } from "./event-target.ts";
import { makeFetch } from "./fetch.ts";
import { FormData } from "./form.ts";
import { Headers } from "./headers.ts";
import { loadBase64, loadClone, loadEncoding, loadStreams, loadUrl } from "./polyfills.ts";
import { Request } from "./request.ts";
import { Response } from "./response.ts";
import { CloseEvent, MessageEvent, WebSocketPair } from "./socket.ts";
import { timerGlobals } from "./timer-globals.ts";
import type { Timers } from "../timers.ts";
import type { Outbox } from "../outbox.ts";

/** What the globals need of the runtime. */
export interface Machinery {
  readonly timers: Timers;
  readonly outbox: Outbox;
  readonly link: HostLink;
  readonly seed: string | undefined;
  requireFetch(): void;
  reportUncaught(where: string, thrown: unknown): void;
}

export function installGlobals(runtime: Machinery): void {
  const { timers, outbox, link } = runtime;
  const timeOrigin = timers.now();
  define({
    AbortController,
    AbortSignal,
    Blob,
    CloseEvent,
    CryptoKey,
    DOMException,
    Event,
    EventTarget,
    File,
    FormData,
    Headers,
    MessageEvent,
    Request,
    Response,
    WebSocketPair,
    ...timerGlobals(timers, (where, thrown) => runtime.reportUncaught(where, thrown)),
    reportError: (error: unknown) => runtime.reportUncaught("the plugin", error),
    fetch: makeFetch(
      () => runtime.requireFetch(),
      (name, args, onStart) => link.call(name, args, { owner: undefined, onStart }),
    ),
    console: makeConsole(
      (level, message) => outbox.log(level, message, "{}"),
      () => timers.now(),
    ),
    crypto: makeCrypto(() => (runtime.seed === undefined ? undefined : atob(runtime.seed))),
    performance: { now: () => timers.now() - timeOrigin, timeOrigin },
  });
  defineLazily(["URL", "URLSearchParams"], loadUrl);
  defineLazily(["TextEncoder", "TextDecoder"], loadEncoding);
  defineLazily(["structuredClone"], loadClone);
  defineLazily(["atob", "btoa"], loadBase64);
  defineLazily(
    [
      "ReadableStream",
      "WritableStream",
      "TransformStream",
      "CountQueuingStrategy",
      "ByteLengthQueuingStrategy",
    ],
    loadStreams,
  );
}

/** Bundlers rename classes; packages ask for `constructor.name`. */
function define(globals: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(globals)) {
    if (typeof value === "function")
      Object.defineProperty(value, "name", { value: name, configurable: true });
    place(name, value);
  }
}

function place(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}

/** While `load` runs the names are absent, so that it can't find itself. */
function defineLazily(names: readonly string[], load: () => Readonly<Record<string, unknown>>): void {
  const loadAll = (): void => {
    const untouched = names.filter((name) => name in getters && isStill(name, getters[name]));
    for (const name of untouched) Reflect.deleteProperty(globalThis, name);
    const loaded = load();
    define(Object.fromEntries(untouched.map((name) => [name, loaded[name]])));
  };
  const getters: Record<string, () => unknown> = {};
  for (const name of names) {
    const get = (): unknown => {
      loadAll();
      return (globalThis as Record<string, unknown>)[name];
    };
    getters[name] = get;
    const set = (value: unknown): void => place(name, value);
    Object.defineProperty(globalThis, name, { get, set, configurable: true });
  }
}

function isStill(name: string, getter: unknown): boolean {
  return Object.getOwnPropertyDescriptor(globalThis, name)?.get === getter;
}

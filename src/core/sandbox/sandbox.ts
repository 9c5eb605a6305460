// What the plugins floor sees of the wall. Behind it: a host process, an isolate, limits and watchdogs.
import type { GuestCallKind, GuestDescription, GuestRequest, GuestResponse } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import type { CancelSignal } from "../base/cancel.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { XcoreError } from "../base/error.ts";
import type { Limits } from "../base/limits.ts";
import type { BodySource } from "./request-feed.ts";
import type { SocketChannel } from "./socket-channel.ts";
import type { ResponseStream } from "./response-stream.ts";

export interface HostCall {
  /** As the guest said it: look it up in the table of grants. */
  name: string;
  /** Parsed JSON of unknown shape. */
  args: unknown;
  signal: AbortSignal;
  timeoutMs: number;
  /** That of the call on whose behalf it is made; undefined when it is made on nobody's. */
  origin: CallOrigin | undefined;
  /** As in `HostCallContext`. */
  over(end: () => void): () => void;
}

export interface GuestLog {
  level: "debug" | "info" | "warn" | "error";
  message: string;
  fields: Record<string, Json>;
  /** That of the call it was written in, as far as the guest tells; undefined where it is over or unknown. */
  origin?: CallOrigin | undefined;
}

export interface SandboxOptions {
  /** `notes@1.0.0`: names the sandbox in errors, logs and script names. */
  label: string;
  /** Its entry, absolute, when it is trusted: then it runs in the core's own process. `code` must be what was trusted. */
  trusted?: string;
  /** A debugger may be connected; its `group` must be its own. */
  inspect?: boolean;
  /** Placement key: sandboxes with the same key share a host process. */
  group: string;
  /** The plugin bundled to one script (sandbox/bundle.ts). */
  code: string;
  /** Source map of `code` as JSON, for stack traces. */
  sourceMap: string | undefined;
  limits: Limits;
  /** Handed to the guest once: plugin name, its options, the permissions that exist inside. */
  boot: GuestBoot;
  /** Never throws synchronously; a rejection becomes the guest's error with its code. */
  onHostCall(call: HostCall): Promise<Json>;
  onLog(entry: GuestLog): void;
  /** Takes the plugin's secrets out of the words of its errors. */
  redact?: (text: string) => string;
  /**
   * Called at most once, with the first reason, when an opened sandbox ended by anything but `close`. Its details say
   * `killedHost` when it took its host process with it, and `bystander` when its host was ended because of another one.
   */
  onEnd(reason: XcoreError): void;
}

export interface GuestBoot {
  plugin: string;
  version: string;
  config: Readonly<Record<string, Json>>;
  permissions: readonly string[];
  /** Its calls are made for tenants. */
  tenants?: boolean;
}

export interface SandboxStats {
  /** Bytes in use in the isolate's heap, and its cap. */
  heapBytes: number;
  heapLimitBytes: number;
  /** CPU time since it was opened. */
  cpuMs: number;
  /** Process id of its host. */
  hostPid: number;
  /** Answers that came after their caller had stopped waiting; they are dropped. */
  lateReplies: number;
  /** How many of them answer; one, unless several stand behind it. */
  isolates: number;
}

export interface CallOptions {
  timeoutMs: number;
  signal?: CancelSignal;
  origin?: CallOrigin;
}

export interface RequestOptions extends CallOptions {
  /** The body, when it is still coming in: then the request's own is empty, and `streamed` is said. */
  body?: BodySource;
  /** It asks for a WebSocket, and may be answered by one. */
  upgrade?: boolean;
}

export interface PluginResponse extends GuestResponse {
  /** The body, when it comes in pieces: then `body` is empty. To be piped or cancelled by whoever is given it. */
  stream?: ResponseStream;
  /** What the request has become, when it asked for that: to be connected, or told that its client has gone. */
  socket?: SocketChannel;
}

/** The way of one debugger to an isolate, in messages of the Chrome DevTools Protocol. The next one wants a fresh sandbox. */
export interface Inspection {
  /** Undefined once a debugger has been there. */
  attach(debugging: InspectionEvents): InspectionSession | undefined;
}

export interface InspectionEvents {
  onMessage(message: string): void;
  /** The isolate is gone. */
  onEnd(): void;
}

export interface InspectionSession {
  send(message: string): void;
  detach(): void;
}

/** Why streams that never end by themselves are ended: another revision takes over, or the server stops. */
export type EndingOf = "reload" | "stop";

export interface Sandbox {
  /** There when it was opened with `inspect`. */
  readonly inspection: Inspection | undefined;
  /** What the plugin declared. */
  readonly description: GuestDescription;
  /** Rejects with `PLUGIN_ERROR`, `PLUGIN_TIMEOUT`, … ; once ended, every call rejects with the reason of the end. */
  request(request: GuestRequest, options: RequestOptions): Promise<PluginResponse>;
  call(kind: GuestCallKind, name: string, payload: Json, options: CallOptions): Promise<Json>;
  /** Ends responses that never end by themselves, now and from now on: their clients connect anew, to a newer revision. */
  endStreams(why: EndingOf): void;
  stats(): SandboxStats;
  close(): Promise<void>;
}

export interface SandboxPool extends AsyncDisposable {
  /** Opens an isolate in the group's host, runs the plugin's top level and returns what it declared. */
  open(options: SandboxOptions): Promise<Sandbox>;
  hosts(): readonly { pid: number; group: string; sandboxes: number; rssBytes: number }[];
}

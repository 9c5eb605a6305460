// The globals that exist inside a plugin beside JavaScript's own, and no others: no DOM, no Node.
import type { GlobalFetch } from "../plugin-api.ts";
export type * from "./streams.ts";
export type * from "./events.ts";
export type * from "./crypto.ts";
export type * from "./sockets.ts";

declare global {
  type BodyInit =
    | string
    | ArrayBuffer
    | ArrayBufferView
    | Blob
    | FormData
    | URLSearchParams
    | ReadableStream<Uint8Array>;
  type HeadersInit = Headers | Iterable<readonly [string, string]> | Readonly<Record<string, string>>;
  type RequestInfo = Request | string;

  interface Headers extends Iterable<[string, string]> {
    append(name: string, value: string): void;
    delete(name: string): void;
    get(name: string): string | null;
    getSetCookie(): string[];
    has(name: string): boolean;
    set(name: string, value: string): void;
    forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void;
    entries(): IterableIterator<[string, string]>;
    keys(): IterableIterator<string>;
    values(): IterableIterator<string>;
  }
  var Headers: { new (init?: HeadersInit): Headers; prototype: Headers };

  interface Body {
    readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
    readonly bodyUsed: boolean;
    arrayBuffer(): Promise<ArrayBuffer>;
    bytes(): Promise<Uint8Array<ArrayBuffer>>;
    blob(): Promise<Blob>;
    /** Of a urlencoded or a multipart body. */
    formData(): Promise<FormData>;
    // oxlint-disable-next-line typescript/no-explicit-any -- as in every editor's own declaration: the author says what it is
    json(): Promise<any>;
    text(): Promise<string>;
  }

  interface RequestInit {
    method?: string;
    headers?: HeadersInit;
    body?: BodyInit | null;
    redirect?: "follow" | "error" | "manual";
    signal?: AbortSignal | null;
    /** To be said, as on the web, of a body that is a stream: the answer comes when it has been sent. */
    duplex?: "half";
  }
  interface Request extends Body {
    readonly method: string;
    readonly url: string;
    readonly headers: Headers;
    readonly redirect: "follow" | "error" | "manual";
    readonly signal: AbortSignal;
    clone(): Request;
  }
  var Request: { new (input: Request | URL | string, init?: RequestInit): Request; prototype: Request };

  interface ResponseInit {
    status?: number;
    statusText?: string;
    headers?: HeadersInit;
    /** The first end of a WebSocketPair; then the status is 101. */
    webSocket?: WebSocket | null;
  }
  interface Response extends Body {
    readonly headers: Headers;
    readonly ok: boolean;
    readonly redirected: boolean;
    readonly status: number;
    readonly statusText: string;
    readonly type: "default" | "basic" | "error";
    readonly url: string;
    readonly webSocket: WebSocket | null;
    clone(): Response;
  }
  var Response: {
    new (body?: BodyInit | null, init?: ResponseInit): Response;
    prototype: Response;
    json(value: unknown, init?: ResponseInit): Response;
    redirect(url: URL | string, status?: number): Response;
    error(): Response;
  };

  interface BlobPropertyBag {
    type?: string;
    endings?: "transparent" | "native";
  }
  type BlobPart = string | ArrayBuffer | ArrayBufferView | Blob;
  interface Blob {
    readonly size: number;
    readonly type: string;
    arrayBuffer(): Promise<ArrayBuffer>;
    bytes(): Promise<Uint8Array<ArrayBuffer>>;
    slice(start?: number, end?: number, type?: string): Blob;
    stream(): ReadableStream<Uint8Array<ArrayBuffer>>;
    text(): Promise<string>;
  }
  var Blob: { new (parts?: Iterable<BlobPart>, options?: BlobPropertyBag): Blob; prototype: Blob };

  interface File extends Blob {
    readonly name: string;
    readonly lastModified: number;
    readonly webkitRelativePath: string;
  }
  var File: {
    new (
      parts: Iterable<BlobPart>,
      name: string,
      options?: BlobPropertyBag & { lastModified?: number },
    ): File;
    prototype: File;
  };

  type FormDataEntryValue = string | File;
  interface FormData extends Iterable<[string, FormDataEntryValue]> {
    append(name: string, value: string | Blob, filename?: string): void;
    delete(name: string): void;
    get(name: string): FormDataEntryValue | null;
    getAll(name: string): FormDataEntryValue[];
    has(name: string): boolean;
    set(name: string, value: string | Blob, filename?: string): void;
    forEach(
      callback: (value: FormDataEntryValue, name: string, form: FormData) => void,
      self?: unknown,
    ): void;
    entries(): IterableIterator<[string, FormDataEntryValue]>;
    keys(): IterableIterator<string>;
    values(): IterableIterator<FormDataEntryValue>;
  }
  var FormData: { new (): FormData; prototype: FormData };

  interface URLSearchParams extends Iterable<[string, string]> {
    readonly size: number;
    append(name: string, value: string): void;
    delete(name: string, value?: string): void;
    get(name: string): string | null;
    getAll(name: string): string[];
    has(name: string, value?: string): boolean;
    set(name: string, value: string): void;
    sort(): void;
    toString(): string;
    forEach(callback: (value: string, name: string, params: URLSearchParams) => void, self?: unknown): void;
    entries(): IterableIterator<[string, string]>;
    keys(): IterableIterator<string>;
    values(): IterableIterator<string>;
  }
  var URLSearchParams: {
    new (
      init?: string | URLSearchParams | Iterable<readonly [string, string]> | Record<string, string>,
    ): URLSearchParams;
    prototype: URLSearchParams;
  };

  interface URL {
    hash: string;
    host: string;
    hostname: string;
    href: string;
    readonly origin: string;
    password: string;
    pathname: string;
    port: string;
    protocol: string;
    search: string;
    readonly searchParams: URLSearchParams;
    username: string;
    toString(): string;
    toJSON(): string;
  }
  var URL: {
    new (url: string | URL, base?: string | URL): URL;
    prototype: URL;
    canParse(url: string | URL, base?: string | URL): boolean;
    parse(url: string | URL, base?: string | URL): URL | null;
  };

  /** Only there when plugin.yaml asks for the permission `fetch`. */
  var fetch: GlobalFetch;

  interface TextEncoder {
    readonly encoding: "utf-8";
    encode(text?: string): Uint8Array<ArrayBuffer>;
    encodeInto(text: string, into: Uint8Array): { read: number; written: number };
  }
  var TextEncoder: { new (): TextEncoder; prototype: TextEncoder };
  interface TextDecoder {
    readonly encoding: string;
    readonly fatal: boolean;
    readonly ignoreBOM: boolean;
    decode(bytes?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string;
  }
  var TextDecoder: {
    new (label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }): TextDecoder;
    prototype: TextDecoder;
  };

  function atob(text: string): string;
  function btoa(text: string): string;
  function structuredClone<Value>(value: Value, options?: { transfer?: ArrayBuffer[] }): Value;
  function reportError(error: unknown): void;
  function queueMicrotask(callback: () => void): void;
  /** Takes a promise's `resolve` as it is. */
  function setTimeout(run: (nothing: void) => void, ms?: number): number;
  function setTimeout<Args extends unknown[]>(
    run: (...args: Args) => void,
    ms?: number,
    ...args: Args
  ): number;
  function setInterval<Args extends unknown[]>(
    run: (...args: Args) => void,
    ms?: number,
    ...args: Args
  ): number;
  function clearTimeout(id: number | undefined): void;
  function clearInterval(id: number | undefined): void;

  interface Crypto {
    readonly subtle: SubtleCrypto;
    getRandomValues<View extends ArrayBufferView>(view: View): View;
    randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
  }
  var crypto: Crypto;

  interface Performance {
    /** Milliseconds since the isolate began, whole numbers only. */
    now(): number;
    readonly timeOrigin: number;
  }
  var performance: Performance;

  interface Console {
    assert(condition: unknown, ...values: unknown[]): void;
    count(label?: string): void;
    countReset(label?: string): void;
    debug(...values: unknown[]): void;
    dir(value: unknown): void;
    error(...values: unknown[]): void;
    group(...values: unknown[]): void;
    groupCollapsed(...values: unknown[]): void;
    groupEnd(): void;
    info(...values: unknown[]): void;
    log(...values: unknown[]): void;
    table(value: unknown): void;
    time(label?: string): void;
    timeEnd(label?: string): void;
    timeLog(label?: string, ...values: unknown[]): void;
    trace(...values: unknown[]): void;
    warn(...values: unknown[]): void;
  }
  /** Every line goes to the server's log, under the plugin's name. */
  var console: Console;
}

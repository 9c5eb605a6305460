// Global types: web streams. https://streams.spec.whatwg.org

declare global {
  interface QueuingStrategy<Chunk = unknown> {
    highWaterMark?: number;
    size?: (chunk: Chunk) => number;
  }
  var CountQueuingStrategy: { new (init: { highWaterMark: number }): QueuingStrategy };
  var ByteLengthQueuingStrategy: { new (init: { highWaterMark: number }): QueuingStrategy<ArrayBufferView> };

  type ReadableStreamReadResult<Chunk> =
    | { done: false; value: Chunk }
    | { done: true; value: Chunk | undefined };
  interface ReadableStreamDefaultReader<Chunk = unknown> {
    readonly closed: Promise<void>;
    read(): Promise<ReadableStreamReadResult<Chunk>>;
    cancel(reason?: unknown): Promise<void>;
    releaseLock(): void;
  }
  interface ReadableStreamDefaultController<Chunk = unknown> {
    readonly desiredSize: number | null;
    enqueue(chunk: Chunk): void;
    close(): void;
    error(reason?: unknown): void;
  }
  interface UnderlyingSource<Chunk = unknown> {
    start?(controller: ReadableStreamDefaultController<Chunk>): unknown;
    pull?(controller: ReadableStreamDefaultController<Chunk>): void | PromiseLike<void>;
    cancel?(reason: unknown): void | PromiseLike<void>;
  }
  interface StreamPipeOptions {
    preventAbort?: boolean;
    preventCancel?: boolean;
    preventClose?: boolean;
    signal?: AbortSignal;
  }
  interface ReadableWritablePair<Out = unknown, In = unknown> {
    readable: ReadableStream<Out>;
    writable: WritableStream<In>;
  }
  interface ReadableStream<Chunk = unknown> extends AsyncIterable<Chunk> {
    readonly locked: boolean;
    cancel(reason?: unknown): Promise<void>;
    getReader(): ReadableStreamDefaultReader<Chunk>;
    pipeThrough<Out>(
      transform: ReadableWritablePair<Out, Chunk>,
      options?: StreamPipeOptions,
    ): ReadableStream<Out>;
    pipeTo(destination: WritableStream<Chunk>, options?: StreamPipeOptions): Promise<void>;
    tee(): [ReadableStream<Chunk>, ReadableStream<Chunk>];
    values(options?: { preventCancel?: boolean }): AsyncIterableIterator<Chunk>;
  }
  var ReadableStream: {
    new <Chunk = unknown>(
      source?: UnderlyingSource<Chunk>,
      strategy?: QueuingStrategy<Chunk>,
    ): ReadableStream<Chunk>;
    prototype: ReadableStream;
    from<Chunk>(items: Iterable<Chunk> | AsyncIterable<Chunk>): ReadableStream<Chunk>;
  };

  interface WritableStreamDefaultController {
    readonly signal: AbortSignal;
    error(reason?: unknown): void;
  }
  interface UnderlyingSink<Chunk = unknown> {
    start?(controller: WritableStreamDefaultController): unknown;
    write?(chunk: Chunk, controller: WritableStreamDefaultController): void | PromiseLike<void>;
    close?(): void | PromiseLike<void>;
    abort?(reason: unknown): void | PromiseLike<void>;
  }
  interface WritableStreamDefaultWriter<Chunk = unknown> {
    readonly closed: Promise<void>;
    readonly desiredSize: number | null;
    readonly ready: Promise<void>;
    write(chunk: Chunk): Promise<void>;
    close(): Promise<void>;
    abort(reason?: unknown): Promise<void>;
    releaseLock(): void;
  }
  interface WritableStream<Chunk = unknown> {
    readonly locked: boolean;
    abort(reason?: unknown): Promise<void>;
    close(): Promise<void>;
    getWriter(): WritableStreamDefaultWriter<Chunk>;
  }
  var WritableStream: {
    new <Chunk = unknown>(
      sink?: UnderlyingSink<Chunk>,
      strategy?: QueuingStrategy<Chunk>,
    ): WritableStream<Chunk>;
    prototype: WritableStream;
  };

  interface TransformStreamDefaultController<Out = unknown> {
    readonly desiredSize: number | null;
    enqueue(chunk: Out): void;
    error(reason?: unknown): void;
    terminate(): void;
  }
  interface Transformer<In = unknown, Out = unknown> {
    start?(controller: TransformStreamDefaultController<Out>): unknown;
    transform?(chunk: In, controller: TransformStreamDefaultController<Out>): void | PromiseLike<void>;
    flush?(controller: TransformStreamDefaultController<Out>): void | PromiseLike<void>;
  }
  interface TransformStream<In = unknown, Out = unknown> {
    readonly readable: ReadableStream<Out>;
    readonly writable: WritableStream<In>;
  }
  var TransformStream: {
    new <In = unknown, Out = unknown>(
      transformer?: Transformer<In, Out>,
      writableStrategy?: QueuingStrategy<In>,
      readableStrategy?: QueuingStrategy<Out>,
    ): TransformStream<In, Out>;
    prototype: TransformStream;
  };
}

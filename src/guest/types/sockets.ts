// Global types: WebSockets as the server's side has them.

declare global {
  interface MessageEvent<Data = unknown> extends Event {
    readonly data: Data;
  }
  var MessageEvent: { new (type: string, init?: { data?: unknown }): MessageEvent; prototype: MessageEvent };

  interface CloseEvent extends Event {
    readonly code: number;
    readonly reason: string;
    readonly wasClean: boolean;
  }
  var CloseEvent: {
    new (type: string, init?: { code?: number; reason?: string; wasClean?: boolean }): CloseEvent;
    prototype: CloseEvent;
  };

  interface WebSocketEventMap {
    message: MessageEvent<string | ArrayBuffer>;
    close: CloseEvent;
    error: Event;
  }
  interface WebSocket extends EventTarget {
    readonly readyState: number;
    /** Characters that wait to be read by the client; beyond four million it is let go with 1008. */
    readonly bufferedAmount: number;
    binaryType: "arraybuffer" | "blob";
    onmessage: ((this: WebSocket, event: MessageEvent<string | ArrayBuffer>) => void) | null;
    onclose: ((this: WebSocket, event: CloseEvent) => void) | null;
    onerror: ((this: WebSocket, event: Event) => void) | null;
    /** Begins to hear. Messages that come before wait. */
    accept(): void;
    send(data: string | ArrayBuffer | ArrayBufferView | Blob): void;
    close(code?: number, reason?: string): void;
    addEventListener<Type extends keyof WebSocketEventMap>(
      type: Type,
      listener: (this: WebSocket, event: WebSocketEventMap[Type]) => void,
      options?: AddEventListenerOptions | boolean,
    ): void;
    addEventListener(
      type: string,
      listener: EventListenerOrEventListenerObject | null,
      options?: AddEventListenerOptions | boolean,
    ): void;
  }
  /** The first end goes with the response, the second one is talked to. */
  interface WebSocketPair {
    readonly 0: WebSocket;
    readonly 1: WebSocket;
  }
  var WebSocketPair: { new (): WebSocketPair; prototype: WebSocketPair };
}

// What a server says that has its port but is not yet put together: it keeps requests waiting for a while, and says when to come again.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { XcoreError } from "../base/error.ts";
import { writeFailure } from "./failure.ts";

export class FrontDoor {
  readonly #patienceMs: number;
  #inside: RequestListener | undefined;
  readonly #waiting = new Set<() => void>();

  /** `patienceMs`: so long a request that comes this early waits at most. */
  constructor({ patienceMs = 2000 }: { patienceMs?: number } = {}) {
    this.#patienceMs = patienceMs;
  }

  /** For the server: it may listen before there is anything to serve. */
  readonly listener: RequestListener = (request, response) => {
    if (this.#inside === undefined) this.#keep(request, response);
    else this.#inside(request, response);
  };

  /** From now on everything goes to `inside`, first those that waited. */
  open(inside: RequestListener): void {
    this.#inside = inside;
    for (const enter of this.#waiting) enter();
    this.#waiting.clear();
  }

  #keep(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === "/livez") {
      say(response, 200, "ok");
      return;
    }
    if (request.url === "/readyz") {
      say(response, 503, "not ready");
      return;
    }
    const enter = (): void => {
      clearTimeout(late);
      this.#inside?.(request, response);
    };
    const leave = (): void => {
      clearTimeout(late);
      this.#waiting.delete(enter);
    };
    const late = setTimeout(() => {
      leave();
      const error = new XcoreError("SERVER_STARTING", "the server is starting; try again in a moment");
      writeFailure(response, error, { requestId: "starting", exposeFaults: true });
    }, this.#patienceMs);
    response.once("close", leave);
    this.#waiting.add(enter);
  }
}

function say(response: ServerResponse, status: number, text: string): void {
  const body = JSON.stringify({ status: text });
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(body);
}

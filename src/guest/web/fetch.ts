// fetch: one host call. Whether the address may be reached is decided outside.
import type { HostCallName, HostCalls } from "../../wire/host-calls.ts";
import { takeBody } from "./body.ts";
import { Headers } from "./headers.ts";
import { Request } from "./request.ts";
import { receivedResponse, type Response } from "./response.ts";

export type Fetch = (
  input: ConstructorParameters<typeof Request>[0],
  init?: ConstructorParameters<typeof Request>[1],
) => Promise<Response>;

type SendRequest = (
  name: HostCallName & "fetch.request",
  args: HostCalls["fetch.request"]["args"],
  onStart: (giveUp: (reason: unknown) => void) => void,
) => Promise<HostCalls["fetch.request"]["reply"]>;

/** `check` throws when there is no permission to fetch. */
export function makeFetch(check: () => void, send: SendRequest): Fetch {
  return async function fetch(input, init) {
    check();
    const request = new Request(input, init);
    const { signal } = request;
    signal.throwIfAborted();
    const { text, encoding } = await takeBody(request);
    let stopListening: (() => void) | undefined;
    try {
      const reply = await send(
        "fetch.request",
        {
          url: request.url,
          method: request.method,
          headers: [...request.headers],
          ...(text === "" ? {} : { body: text, encoding }),
          redirect: request.redirect,
        },
        (giveUp) => {
          const onAbort = (): void => giveUp(signal.reason);
          signal.addEventListener("abort", onAbort, { once: true });
          stopListening = () => signal.removeEventListener("abort", onAbort);
        },
      );
      return receivedResponse({
        url: reply.url,
        redirected: reply.redirected,
        status: reply.status,
        statusText: reply.statusText,
        headers: new Headers(reply.headers),
        text: reply.body,
        encoding: reply.encoding,
      });
    } finally {
      stopListening?.();
    }
  };
}

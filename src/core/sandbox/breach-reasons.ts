// What a guest said that it must not say, as the error that ends its sandbox or its call.
import { XcoreError } from "../base/error.ts";
import { maxInboxLength } from "./bounds.ts";

/** It broke the protocol. */
export function breachReason(label: string, what: string): XcoreError {
  return new XcoreError("PLUGIN_PROTOCOL", `plugin '${label}' broke the protocol: ${what}`, {
    hint: "The plugin may have changed built-in objects that the runtime needs; look for such code in it.",
    details: { killedHost: false },
  });
}

/** More of its records wait than may. */
export function floodReason(label: string, length: number): XcoreError {
  const message = `plugin '${label}' says more than it may: ${length} characters wait to be read`;
  return new XcoreError("PLUGIN_PROTOCOL", message, {
    hint: "Await host calls before making more, and log less.",
    details: { cap: maxInboxLength, observed: length, killedHost: false },
  });
}

/** The call's alone. */
export function noUpgrade(label: string): XcoreError {
  const message = `plugin '${label}': it answered with a WebSocket a request that does not ask for one`;
  return new XcoreError("PLUGIN_BAD_RESPONSE", message, {
    hint: 'Look at the request\'s header first: request.headers.get("upgrade") === "websocket".',
  });
}

/** The call's alone. */
export function badHeaders(label: string): XcoreError {
  const message = `plugin '${label}': its response has a header without a value`;
  return new XcoreError("PLUGIN_BAD_RESPONSE", message, {
    hint: "Header names and values must not contain line breaks.",
  });
}

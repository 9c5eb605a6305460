// Why a stream was cut off, as the error that the log shows; the client only sees a connection that breaks.
import { XcoreError } from "../base/error.ts";
import { formatDuration, formatSize } from "../base/units.ts";

/** `what` names plugin and stream. */
export function streamTooLarge(what: string, capBytes: number): XcoreError {
  return new XcoreError("QUOTA_EXCEEDED", `${what} is larger than ${formatSize(capBytes)}`, {
    hint: "Raise limits.streamSize in plugin.yaml and the ceiling in integration.yaml.",
    details: { cap: capBytes },
  });
}

export function streamTooLong(what: string, capMs: number): XcoreError {
  return new XcoreError("PLUGIN_TIMEOUT", `${what} lasted longer than ${formatDuration(capMs)}`, {
    hint: "Have clients reconnect, or raise limits.streamTime in plugin.yaml and the ceiling in integration.yaml.",
    details: { capMs },
  });
}

export function streamIdle(what: string, capMs: number): XcoreError {
  return new XcoreError("PLUGIN_TIMEOUT", `${what} gave nothing for ${formatDuration(capMs)}`, {
    hint: "Send a comment or a ping now and then, or raise limits.streamIdle in plugin.yaml and the ceiling in integration.yaml.",
    details: { capMs },
  });
}

export function clientStalled(what: string, capMs: number): XcoreError {
  const message = `${what} was cut off: its client read nothing for ${formatDuration(capMs)}`;
  return new XcoreError("CALL_CANCELLED", message, { details: { capMs } });
}

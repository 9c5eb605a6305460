// What a host is told to open an isolate with.
import { randomBytes } from "node:crypto";
import { encodeCoreMessage } from "../../wire/messages.ts";
import { maxRecordLength } from "../../wire/protocol.ts";
import { encodeBatch } from "../../wire/records.ts";
import { XcoreError } from "../base/error.ts";
import { formatSize } from "../base/units.ts";
import { bootSliceMs, mebibyte, sliceSlackMs } from "./bounds.ts";
import type { OpenOrder } from "./frames.ts";
import type { SandboxOptions } from "./sandbox.ts";

const leastHeapMb = 8;

/** Throws `PAYLOAD_TOO_LARGE` for a bundle that fits into no frame. */
export function openOrder(options: SandboxOptions): OpenOrder {
  const { label, code, limits } = options;
  const boot = JSON.stringify({ ...options.boot, seed: randomBytes(64).toString("base64") });
  const length = code.length + boot.length;
  if (length > maxRecordLength) {
    throw new XcoreError("PAYLOAD_TOO_LARGE", `plugin '${label}': its bundle has ${formatSize(length)}`, {
      hint: `At most ${formatSize(maxRecordLength)} fit: leave out large packages, and keep data in the database.`,
      details: { cap: maxRecordLength, observed: length },
    });
  }
  const sliceMs = limits.cpuMs + sliceSlackMs;
  return {
    label,
    code,
    memoryMb: Math.max(leastHeapMb, Math.floor(limits.memoryBytes / mebibyte)),
    sliceMs,
    bootMs: Math.max(bootSliceMs, sliceMs),
    ...(options.inspect === true ? { inspect: true } : {}),
    boot: encodeBatch([encodeCoreMessage({ kind: "boot", json: boot })]),
  };
}

// The wall's own fixed sizes and times, beside the limits that each plugin has.
import { maxRecordLength } from "../../wire/protocol.ts";

export const mebibyte = 1024 ** 2;

/** Bytes of one frame's payload; a record of UTF-16 units needs up to three bytes a unit. */
export const maxFrameBytes = 3 * maxRecordLength + mebibyte;

/** UTF-16 units one isolate may hand out at once. */
export const maxOutboxLength = maxRecordLength + mebibyte;

/** UTF-16 units of records that wait for a host that does not read; then calls are refused. */
export const maxQueuedLength = 2 * maxRecordLength;

/** UTF-16 units after which a deliver frame is closed and the next one begun. */
export const deliverFrameLength = 4 * mebibyte;

/** Calls under way in one sandbox; one more is refused with `PLUGIN_BUSY`. */
export const maxCalls = 2000;

/** Host calls of one sandbox under way at the same time. */
export const maxHostCalls = 1000;

/** Log records of one sandbox that are passed on in a second. */
export const maxLogsPerSecond = 1000;

/** UTF-16 units of log records that are passed on in a second. */
export const maxLogLengthPerSecond = mebibyte;

/** Elements and members of one JSON value that the core parses, and how deep it may be nested. */
export const maxJsonParts = 200_000;
export const maxJsonDepth = 200;

/** What one sandbox says may use this share of the core's thread, in bursts, and this long at a time. */
export const coreShare = 0.5;
export const coreBurstMs = 50;
/** What one record may cost it of the time to come: it may have taken long because the machine stood still. */
export const coreDebtMs = 200;
export const coreSliceMs = 4;

/** UTF-16 units that may wait for that; then the sandbox is ended. */
export const maxInboxLength = 2 * maxRecordLength;

/** CPU that a sandbox may use while nobody waits for it: a share of one core, and so many times `limits.cpu` at once. */
export const idleCpuShare = 0.25;
export const idleCpuSlices = 10;

/** The least time an isolate has for running its runtime and the plugin's top level. */
export const bootSliceMs = 1000;

/** Wall time beyond `cpuMs` after which V8 is told to stop a synchronous stretch. */
export const sliceSlackMs = 50;

/** Time beyond that after which a host that is still in the same stretch is killed. */
export const killGraceMs = 250;

/** Time a host has to answer a ping once a call is overdue. */
export const pingGraceMs = 1000;

export const hostStartMs = 15_000;
export const openTimeoutMs = 15_000;

/** Between two looks at a host's memory and progress: while it works, while it rests. */
export const busyTickMs = 25;
export const idleTickMs = 250;

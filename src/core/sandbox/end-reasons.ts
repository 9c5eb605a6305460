// Why a sandbox ended, as the error that its calls and its plugin's state show.
import type { Limits } from "../base/limits.ts";
import { XcoreError } from "../base/error.ts";
import { formatDuration, formatSize } from "../base/units.ts";
import { idleCpuShare } from "./bounds.ts";
import type { Ending } from "./frames.ts";
import type { HostExit } from "./host-process.ts";

// Of its limit: a stretch that got less of a processor than this was held up by others.
const starvedShare = 0.15;

const memoryHint =
  "Keep less in memory at once, or raise limits.memory in plugin.yaml and the ceiling in integration.yaml.";

interface Subject {
  label: string;
  limits: Limits;
}

/** The reason for an isolate that its host has ended. */
export function endingReason(subject: Subject, ending: Ending): XcoreError {
  switch (ending.kind) {
    case "cpu":
      return ending.cpuMs !== undefined && ending.cpuMs < subject.limits.cpuMs * starvedShare
        ? starvedReason(subject, ending.observed, ending.cpuMs)
        : cpuReason(subject, ending.observed, { killedHost: false });
    case "memory":
      return memoryReason(subject, { observedBytes: ending.observed, capBytes: subject.limits.memoryBytes });
    case "output":
      return new XcoreError("PLUGIN_PROTOCOL", `plugin '${subject.label}': ${ending.message}`, {
        hint: "Answer with smaller bodies and fewer log lines.",
        details: { observedCharacters: ending.observed },
      });
    case "fault":
      return new XcoreError(
        "PLUGIN_CRASHED",
        `plugin '${subject.label}': its isolate failed: ${ending.message}`,
        {
          hint: "Look into the plugin for code that changes built-in objects or recurses without end.",
          details: { killedHost: false },
        },
      );
  }
}

export function cpuReason(
  subject: Subject,
  observedMs: number,
  options: { killedHost: boolean },
): XcoreError {
  const { cpuMs } = subject.limits;
  return new XcoreError(
    "PLUGIN_CPU_LIMIT",
    `plugin '${subject.label}' ran for ${formatDuration(observedMs)} without a pause; ${formatDuration(cpuMs)} are allowed`,
    {
      hint: "Split long work with await or into jobs, or raise limits.cpu in plugin.yaml and the ceiling in integration.yaml.",
      details: { capMs: cpuMs, observedMs: Math.round(observedMs), killedHost: options.killedHost },
    },
  );
}

/** V8 stopped it by the clock on the wall, but the machine had hardly let it run: it is opened again at once. */
function starvedReason(subject: Subject, observedMs: number, cpuMs: number): XcoreError {
  return new XcoreError(
    "PLUGIN_CRASHED",
    `plugin '${subject.label}' was stopped after ${formatDuration(observedMs)} of which a processor worked on it for ${formatDuration(cpuMs)}`,
    {
      hint: "The machine is overloaded: give it more processors or fewer processes.",
      details: { killedHost: false, bystander: true, starved: true, observedMs, cpuMs: Math.round(cpuMs) },
    },
  );
}

/** It kept a processor busy while nobody waited for it. */
export function idleCpuReason(subject: Subject, facts: { observedMs: number; capMs: number }): XcoreError {
  const cap = formatDuration(facts.capMs);
  return new XcoreError(
    "PLUGIN_CPU_LIMIT",
    `plugin '${subject.label}' computed for ${formatDuration(facts.observedMs)} while nobody waited for it; ${cap} at once and ${idleCpuShare * 100} % of a processor are allowed`,
    {
      hint: "Do such work in jobs, or less often in timers.",
      details: { capMs: facts.capMs, observedMs: Math.round(facts.observedMs), killedHost: false },
    },
  );
}

/** `hostCapBytes`: it was the whole host that grew too large, and had to be killed. */
export function memoryReason(
  subject: Subject,
  facts: { observedBytes: number; capBytes: number; hostCapBytes?: number },
): XcoreError {
  const cap = formatSize(subject.limits.memoryBytes);
  const grew =
    facts.hostCapBytes === undefined
      ? `reached its memory limit of ${cap}`
      : `made its host process grow to ${formatSize(facts.observedBytes)}; with a limit of ${cap} it may have ${formatSize(facts.hostCapBytes)}`;
  return new XcoreError("PLUGIN_MEMORY_LIMIT", `plugin '${subject.label}' ${grew}`, {
    hint: memoryHint,
    details: {
      capBytes: facts.capBytes,
      observedBytes: Math.max(facts.observedBytes, facts.hostCapBytes ?? facts.capBytes),
      ...(facts.hostCapBytes === undefined ? {} : { hostCapBytes: facts.hostCapBytes }),
      killedHost: facts.hostCapBytes !== undefined,
    },
  });
}

/** For the sandbox that was being executed when its host died by itself. */
export function crashReason(subject: Subject, exit: HostExit, peakRssBytes: number): XcoreError {
  const { memoryBytes } = subject.limits;
  if (/out of memory|heap|allocation|invalid (array|table|size)|invalid size/i.test(exit.stderr)) {
    const cap = formatSize(memoryBytes);
    return new XcoreError(
      "PLUGIN_MEMORY_LIMIT",
      `plugin '${subject.label}' ran V8 out of memory; its limit is ${cap}`,
      {
        hint: memoryHint,
        details: {
          capBytes: memoryBytes,
          observedBytes: Math.max(peakRssBytes, memoryBytes),
          killedHost: true,
          stderr: exit.stderr.slice(-2000),
        },
      },
    );
  }
  const how = exit.signal === null ? `exit code ${exit.code}` : exit.signal;
  return new XcoreError(
    "PLUGIN_CRASHED",
    `plugin '${subject.label}' brought its host process down (${how})`,
    {
      hint: "Report this with the plugin's code: V8 itself gave up.",
      details: {
        killedHost: true,
        signal: exit.signal,
        exitCode: exit.code,
        stderr: exit.stderr.slice(-2000),
      },
    },
  );
}

/** For the neighbours of a culprit, and for all when nobody knows who it was. */
export function bystanderReason(subject: Subject, cause: string): XcoreError {
  return new XcoreError("PLUGIN_CRASHED", `plugin '${subject.label}': its host process was ended ${cause}`, {
    details: { killedHost: false, bystander: true },
  });
}

/** For whoever waits for a host that ended before anything was opened in it. */
export function hostStartReason(exit: HostExit): XcoreError {
  return new XcoreError("PART_MISSING", `a sandbox host ended while it started: ${lastLine(exit)}`, {
    hint: "Run npm install again; isolated-vm needs Node 24 or 26 and its own binary.",
    details: { exitCode: exit.code, signal: exit.signal, stderr: exit.stderr },
  });
}

function lastLine(exit: HostExit): string {
  const lines = exit.stderr.trim().split("\n");
  const telling = lines.find((line) => /Error/.test(line)) ?? lines.at(-1);
  return telling === undefined || telling === "" ? (exit.signal ?? `exit code ${exit.code}`) : telling.trim();
}

/** The same reason for a call whose plugin had not begun with it: it may be made again, whatever it does. */
export function notBegun(reason: XcoreError): XcoreError {
  return new XcoreError(reason.code, reason.message, {
    ...(reason.hint === undefined ? {} : { hint: reason.hint }),
    details: { ...reason.details, begun: false },
    cause: reason,
  });
}

/** Whether a call failed with its plugin through no fault of either, before it was begun. */
export function wasNotBegun(error: unknown): boolean {
  return (
    error instanceof XcoreError && error.details["bystander"] === true && error.details["begun"] === false
  );
}

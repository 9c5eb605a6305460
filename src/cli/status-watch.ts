// Status over time: live until the reader has seen enough, or until the server is well.
import { setTimeout as delay } from "node:timers/promises";
import { asXcoreError, type XcoreError } from "../core/base/error.ts";
import type { StatusReport } from "../core/status.ts";
import { errorDocument, successDocument } from "./document.ts";
import { renderError } from "./render/error.ts";
import { statusLines, type OutputStream } from "./render/status.ts";

type ReadStatus = () => Promise<StatusReport>;

const watchIntervalMs = 1000;
const waitIntervalMs = 200;

/**
 * Shows the report once a second until the process is ended. On a terminal it is drawn in place, elsewhere block after block,
 * with `json` one line a report. A server that goes away is shown as such and waited for.
 */
export async function watchStatus(read: ReadStatus, options: { json: boolean }): Promise<never> {
  const { stdout } = process;
  const live = stdout.isTTY && !options.json;
  if (live) enterScreen(stdout);
  for (;;) {
    const found = await read().catch(asXcoreError);
    if (options.json) stdout.write(`${JSON.stringify(asDocument(found))}\n`);
    else if (live) draw(stdout, textLines(found, stdout), stdout.rows);
    else stdout.write(`${textLines(found, stdout).join("\n")}\n\n`);
    await delay(watchIntervalMs);
  }
}

/** The first healthy report. After `timeoutMs`: the last report, degraded, or the last error. */
export async function waitForStatus(read: ReadStatus, timeoutMs: number): Promise<StatusReport> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await read().catch(asXcoreError);
    const late = performance.now() + waitIntervalMs > end;
    if (found instanceof Error) {
      if (late || !mayPass(found)) throw found;
    } else if (found.healthy || late) return found;
    await delay(waitIntervalMs);
  }
}

function mayPass(error: XcoreError): boolean {
  return error.code === "SERVER_NOT_RUNNING" || error.code === "SERVER_UNREACHABLE";
}

function asDocument(found: StatusReport | XcoreError): object {
  return found instanceof Error ? errorDocument(found) : successDocument(found);
}

function textLines(found: StatusReport | XcoreError, stream: OutputStream): string[] {
  return found instanceof Error ? renderError(found).trimEnd().split("\n") : statusLines(found, stream);
}

/** The terminal's second screen: what was there comes back when the process ends, however it ends. */
function enterScreen(stdout: NodeJS.WriteStream): void {
  stdout.write("\u001B[?1049h\u001B[?25l");
  const leave = (): void => {
    stdout.write("\u001B[?25h\u001B[?1049l");
  };
  process.once("exit", leave);
  for (const [signal, code] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) {
    process.once(signal, () => process.exit(code));
  }
}

/** Each line over the old one, so that nothing flickers; what does not fit the screen is left out. */
function draw(stdout: NodeJS.WriteStream, lines: readonly string[], rows: number): void {
  const shown = lines.slice(0, Math.max(1, rows - 1));
  stdout.write(`\u001B[H${shown.map((line) => `${line}\u001B[K\n`).join("")}\u001B[J`);
}

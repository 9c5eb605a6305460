// The plain `xcore status` and `xcore status --json`, answered without loading oclif: scripts and prompts ask it often.
import { asXcoreError } from "../core/base/error.ts";
import { findWorkspace, stateFolderOf } from "../core/base/workspace.ts";
import { errorDocument, successDocument } from "./document.ts";
import { renderError } from "./render/error.ts";
import { statusLines } from "./render/status.ts";
import { localStatus } from "./status-source.ts";

/** Prints what `xcore status` with these arguments prints and sets `process.exitCode`. */
export async function fastStatus(options: { json: boolean }): Promise<void> {
  try {
    const report = await localStatus(stateFolderOf(findWorkspace(process.cwd())));
    const text = options.json
      ? JSON.stringify(successDocument(report), null, 2)
      : statusLines(report, process.stdout).join("\n");
    process.stdout.write(`${text}\n`);
    process.exitCode = report.healthy ? 0 : 1;
  } catch (thrown) {
    const error = asXcoreError(thrown);
    if (options.json) process.stdout.write(`${JSON.stringify(errorDocument(error), null, 2)}\n`);
    else process.stderr.write(renderError(error));
    process.exitCode = error.exit;
  }
}

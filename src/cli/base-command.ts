// What every command has: `--json`, one way to show errors, and the project it stands in.
import { Command } from "@oclif/core/command";
import { asXcoreError } from "../core/base/error.ts";
import { systemFault } from "../core/base/system-fault.ts";
import { findWorkspace, stateFolderOf } from "../core/base/workspace.ts";
import type { Config } from "../core/index.ts";
import { connectControl, type ControlClient } from "./control-client.ts";
import { errorDocument, successDocument } from "./document.ts";
import { renderError } from "./render/error.ts";
import { usageError } from "./usage.ts";

/**
 * A command parses, calls one function of the core and renders. `run` returns an object: with `--json` it is printed as
 * `{ "ok": true, "format": 1, ...object }`, and nothing else goes to stdout. `this.log` writes data to stdout, `this.logToStderr`
 * everything else; both are silent with `--json`. Whatever is thrown becomes the error document or the error text, and the
 * exit code of its `XcoreError`.
 */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;

  abstract override run(): Promise<object>;

  /** The project's folder; throws `WORKSPACE_NOT_FOUND` outside of one. */
  protected workspace(): string {
    return findWorkspace(process.cwd());
  }

  /** The project's integration.yaml, read, checked and complete. */
  protected async workspaceConfig(): Promise<Config> {
    const workspace = this.workspace();
    const { readConfig } = await import("../core/index.ts");
    return await readConfig({ workspace });
  }

  /** A connection to the server that runs in this project; throws `SERVER_NOT_RUNNING` when there is none. Close it. */
  protected connect(): Promise<ControlClient> {
    return connectControl(stateFolderOf(this.workspace()));
  }

  /** Ends the command with this exit code once its result is printed. For results that are no errors, as a degraded status. */
  protected exitWith(code: number): void {
    process.exitCode = code;
  }

  protected override toSuccessJson(result: unknown): unknown {
    return successDocument(result as object);
  }

  protected override toErrorJson(error: unknown): unknown {
    return errorDocument(error);
  }

  override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, null, 2)}\n`);
  }

  protected override async catch(thrown: Error): Promise<void> {
    const error = asXcoreError(usageError(thrown, this.ctor) ?? systemFault(thrown) ?? thrown);
    process.exitCode = error.exit;
    if (this.jsonEnabled()) this.logJson(this.toErrorJson(error));
    else process.stderr.write(renderError(error));
  }
}

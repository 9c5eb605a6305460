// Commands that destroy data: never beside a running server, and never without a yes.
import { XcoreError } from "../core/base/error.ts";
import type { ControlClient } from "./control-client.ts";
import { cancelled } from "./interrupt.ts";
import { canAsk, missingFlags, openPrompts } from "./prompts.ts";
import { connectIfRunning } from "./server-notice.ts";

export interface DataLoss {
  command: string;
  question: string;
  /** --yes */
  yes: boolean;
  connect(): Promise<ControlClient>;
}

export async function confirmDataLoss({ command, question, yes, connect }: DataLoss): Promise<void> {
  using running = await connectIfRunning(connect);
  if (running !== undefined) {
    throw new XcoreError(
      "SERVER_RUNNING",
      `a server runs in this project; ${command} would take its data away under it`,
      {
        hint: "Stop it first: xcore stop",
      },
    );
  }
  if (yes) return;
  if (!canAsk()) throw missingFlags(command, ["--yes"], `${command} --yes`);
  const prompts = await openPrompts();
  if (!(await prompts.confirm(question, false))) throw cancelled();
}

// Opens a plugin that the installation trusts: in the core's own process, behind the same seam as a sandbox.
import { readFileSync } from "node:fs";
import { withDeadline } from "../base/deadline.ts";
import { messageOf, XcoreError } from "../base/error.ts";
import { openTimeoutMs } from "./bounds.ts";
import { openOrder } from "./open-order.ts";
import { trustedRuntime } from "./paths.ts";
import { RemoteSandbox } from "./remote-sandbox.ts";
import type { Sandbox, SandboxOptions } from "./sandbox.ts";
import { TrustedResident } from "./trusted-resident.ts";

/** Deadlines, permissions and quotas hold as in a sandbox; memory, CPU and what it does with Node are its own affair. */
export async function openTrusted(options: SandboxOptions, entry: string): Promise<Sandbox> {
  const order = openOrder(options);
  const resident = new TrustedResident({
    runtime: readRuntime(),
    entry,
    onOutbox: (batch) => sandbox.receive(batch),
    onUncaught: (error) =>
      options.onLog({ level: "error", message: `uncaught in a timer: ${messageOf(error)}`, fields: {} }),
  });
  const sandbox: RemoteSandbox = new RemoteSandbox(options, {
    hostPid: process.pid,
    queued: () => resident.queued,
    send: (record) => resident.send(record),
    suspect: () => undefined,
    inspect: () => undefined,
    leave: () => resident.dispose(),
  });
  resident.boot(order);
  try {
    await withDeadline(sandbox.opened, {
      ms: openTimeoutMs,
      code: "PLUGIN_TIMEOUT",
      message: `plugin '${options.label}' was not loaded within ${openTimeoutMs / 1000} s`,
    });
  } catch (error) {
    void sandbox.close();
    throw error;
  }
  return sandbox;
}

function readRuntime(): string {
  try {
    return readFileSync(trustedRuntime, "utf8");
  } catch (cause) {
    throw new XcoreError("PART_MISSING", `the runtime of trusted plugins is missing: ${trustedRuntime}`, {
      hint: "Run npm run build; in an installed package, install xcore again.",
      cause,
    });
  }
}

// How a running server is told that the installed plugins changed, and what it made of it.
import { asXcoreError } from "../core/base/error.ts";
import { sleep } from "../core/base/deadline.ts";
import type { ServerOutcome } from "../core/index.ts";
import type { PluginStatus } from "../core/status.ts";
import type { ControlClient } from "./control-client.ts";

const settleMs = 30_000;
const pollMs = 50;

/** Undefined when no server runs. The server may be loading on its own account (it watches xcore.lock): waits until that is settled. */
export function serverNotice(
  connect: () => Promise<ControlClient>,
): () => Promise<ServerOutcome | undefined> {
  return async () => {
    const client = await connectIfRunning(connect);
    if (client === undefined) return undefined;
    using _ = client;
    const outcome = await client.call("plugin.sync", {}, { timeoutMs: null });
    const failed = (await settled(client)).flatMap(({ name, state, reason }) =>
      (state === "failed" || state === "quarantined") && reason !== null ? [{ name, ...reason }] : [],
    );
    return { failed: [...outcome.failed, ...failed] };
  };
}

/** Like `connect`, with undefined in place of `SERVER_NOT_RUNNING`. */
export async function connectIfRunning(
  connect: () => Promise<ControlClient>,
): Promise<ControlClient | undefined> {
  try {
    return await connect();
  } catch (error) {
    if (asXcoreError(error).code === "SERVER_NOT_RUNNING") return undefined;
    throw error;
  }
}

async function settled(client: ControlClient): Promise<PluginStatus[]> {
  for (const end = performance.now() + settleMs; ;) {
    const plugins = await client.call("plugin.list", {});
    if (!plugins.some((plugin) => plugin.state === "loading") || performance.now() > end) return plugins;
    await sleep(pollMs);
  }
}

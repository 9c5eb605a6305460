// All sandbox hosts of a core: which sandbox goes where, and one host started ahead for the next that is needed.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { Slots } from "../base/slots.ts";
import { openTimeoutMs } from "./bounds.ts";
import { Host, type HostOptions } from "./host.ts";
import { openTrusted } from "./open-trusted.ts";
import { guestParts, guestRuntime } from "./paths.ts";
import type { Sandbox, SandboxOptions, SandboxPool } from "./sandbox.ts";

export interface SandboxPoolOptions {
  logger: Logger;
  /** Keep one host started ahead. Default true. */
  spare?: boolean;
  /** Another guest runtime than the built one; for tests. */
  runtime?: string;
}

/** Starts a spare host at once, beside whatever else is being opened. Throws `PART_MISSING` when the guest runtime is not built. */
export function createSandboxPool(options: SandboxPoolOptions): SandboxPool {
  const runtime = options.runtime === undefined ? readRuntime() : { runtime: options.runtime, parts: {} };
  if (Number.parseInt(process.versions.node, 10) < 26) {
    options.logger.warn(
      { node: process.versions.node },
      "this Node can't close the network for sandbox hosts; plugins are still held by their isolates. Use Node 26",
    );
  }
  if (process.platform !== "linux") {
    options.logger.warn(
      { platform: process.platform },
      "the memory of sandbox hosts is watched on Linux only; here a plugin is held by V8's own limit alone",
    );
  }
  return new Pool({ ...options, runtime });
}

interface PoolOptions extends Omit<SandboxPoolOptions, "runtime"> {
  runtime: HostOptions["runtime"];
}

class Pool implements SandboxPool {
  readonly #options: PoolOptions;
  readonly #groups = new Map<string, Host>();
  readonly #all = new Set<Host>();
  /** Of hosts that start at the same time: more would all be late. */
  readonly #starts = new Slots(availableParallelism() + 1);
  #spare: Host | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#refill();
  }

  async open(options: SandboxOptions): Promise<Sandbox> {
    if (this.#closed) throw new XcoreError("PLUGIN_NOT_READY", "the server is stopping");
    if (options.trusted !== undefined) return openTrusted(options, options.trusted);
    const atHand = this.#groups.has(options.group) || this.#spare !== undefined;
    const endTurn = atHand ? undefined : await this.#starts.take();
    if (this.#closed) {
      endTurn?.();
      throw new XcoreError("PLUGIN_NOT_READY", "the server is stopping");
    }
    const host = this.#hostOf(options.group);
    const release = host.reserve();
    try {
      await host.ready;
      endTurn?.();
      return await host.open(options, openTimeoutMs);
    } finally {
      endTurn?.();
      release();
      this.#refill();
    }
  }

  hosts(): readonly { pid: number; group: string; sandboxes: number; rssBytes: number }[] {
    return [...this.#groups].map(([group, { pid, sandboxes, rssBytes }]) => ({
      pid,
      group,
      sandboxes,
      rssBytes,
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map((host) => host.close()));
  }

  #hostOf(group: string): Host {
    const living = this.#groups.get(group);
    if (living !== undefined) return living;
    const host = this.#spare ?? this.#start();
    this.#spare = undefined;
    this.#groups.set(group, host);
    return host;
  }

  #start(): Host {
    const host = new Host({
      logger: this.#options.logger,
      runtime: this.#options.runtime,
      onGone: (gone) => this.#forget(gone),
    });
    this.#all.add(host);
    host.ready.catch((error: unknown) => {
      if (!this.#closed) this.#options.logger.error({ err: error }, "a sandbox host did not start");
    });
    return host;
  }

  #refill(): void {
    if (this.#closed || this.#spare !== undefined || this.#options.spare === false) return;
    try {
      this.#spare = this.#start();
    } catch (error) {
      this.#options.logger.warn({ err: error }, "no sandbox host could be started ahead");
    }
  }

  #forget(host: Host): void {
    this.#all.delete(host);
    if (this.#spare === host) this.#spare = undefined;
    for (const [group, living] of this.#groups) if (living === host) this.#groups.delete(group);
  }
}

function readRuntime(): HostOptions["runtime"] {
  try {
    const parts = JSON.parse(readFileSync(guestParts, "utf8")) as Record<string, string>;
    return { runtime: readFileSync(guestRuntime, "utf8"), parts };
  } catch (error) {
    throw new XcoreError("PART_MISSING", `the guest runtime is missing: ${guestRuntime}`, {
      hint: "Run npm run build; in an installed package, install xcore again.",
      cause: error,
    });
  }
}

// One isolate of a plugin for each tenant, where the installation wants that: nothing in a plugin's memory is shared by two.
// Opened by a tenant's first call, closed when it was idle for long; to the revision all of them are one sandbox.
import type { GuestCallKind, GuestDescription, GuestRequest } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import { asXcoreError, XcoreError } from "../base/error.ts";
import type { CallTenant } from "../base/tenant.ts";
import type {
  CallOptions,
  Inspection,
  PluginResponse,
  RequestOptions,
  Sandbox,
  SandboxStats,
} from "../sandbox/sandbox.ts";
import { Backoff } from "./backoff.ts";
import { whenOver } from "./in-flight.ts";
import { jointStats } from "./joint-stats.ts";

export interface TenantSandboxesOptions {
  /** The plugin's own: what it declares, and calls for no tenant. */
  own: Sandbox;
  plugin: string;
  startTimeoutMs: number;
  open(options: { onEnd(reason: XcoreError): void }): Promise<Sandbox>;
  /** One of them has taken the host along: it is over for all. */
  onEnd(reason: XcoreError): void;
  /** Isolates at the same time. Default 200. */
  most?: number;
  /** Default five minutes. */
  idleMs?: number;
}

interface Entry {
  readonly tenant: CallTenant;
  readonly opening: Promise<Sandbox>;
  sandbox: Sandbox | undefined;
  calls: number;
  usedAt: number;
}

interface Rest {
  readonly backoff: Backoff;
  until: number;
  reason: XcoreError;
}

const longestRestMs = 30_000;
const stopTimeoutMs = 2_000;

export class TenantSandboxes implements Sandbox {
  readonly #options: TenantSandboxesOptions;
  readonly #most: number;
  readonly #idleMs: number;
  /** By the tenant's serial, the one that was used last at the end. */
  readonly #entries = new Map<number, Entry>();
  /** Of tenants whose isolate has ended: it is not opened again at once. */
  readonly #rests = new Map<number, Rest>();
  readonly #sweeper: NodeJS.Timeout;
  /** CPU time of those that are gone. */
  #spentMs = 0;

  constructor(options: TenantSandboxesOptions) {
    this.#options = options;
    this.#most = options.most ?? 200;
    this.#idleMs = options.idleMs ?? 300_000;
    this.#sweeper = setInterval(() => this.#sweep(), this.#idleMs / 4).unref();
  }

  get description(): GuestDescription {
    return this.#options.own.description;
  }

  get inspection(): Inspection | undefined {
    return this.#options.own.inspection;
  }

  async request(request: GuestRequest, options: RequestOptions): Promise<PluginResponse> {
    const tenant = options.origin?.tenant;
    if (tenant === undefined) return this.#options.own.request(request, options);
    const entry = this.#entryOf(tenant);
    const answer = entry.opening.then((sandbox) => sandbox.request(request, options));
    whenOver(answer, () => this.#leave(entry));
    return answer;
  }

  async call(kind: GuestCallKind, name: string, payload: Json, options: CallOptions): Promise<Json> {
    const tenant = options.origin?.tenant;
    if (tenant === undefined) {
      if (kind === "stop")
        await Promise.allSettled(this.#open().map((one) => one.call(kind, name, payload, options)));
      return this.#options.own.call(kind, name, payload, options);
    }
    const entry = this.#entryOf(tenant);
    try {
      return await (await entry.opening).call(kind, name, payload, options);
    } finally {
      this.#leave(entry);
    }
  }

  endStreams(why: Parameters<Sandbox["endStreams"]>[0]): void {
    for (const one of [this.#options.own, ...this.#open()]) one.endStreams(why);
  }

  /** All of them together; the cap is that of one. */
  stats(): SandboxStats {
    const own = this.#options.own.stats();
    const all = [own, ...this.#open().map((one) => one.stats())];
    return {
      ...own,
      ...jointStats(all, this.#spentMs),
      heapBytes: all.reduce((sum, { heapBytes }) => sum + heapBytes, 0),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    const opening = [...this.#entries.values()].map((entry) => entry.opening);
    this.#entries.clear();
    await Promise.allSettled(opening.map(async (one) => (await one).close()));
    await this.#options.own.close();
  }

  #open(): Sandbox[] {
    return [...this.#entries.values()].flatMap(({ sandbox }) => (sandbox === undefined ? [] : [sandbox]));
  }

  /** Counted as used before anybody else can find it idle. */
  #entryOf(tenant: CallTenant): Entry {
    const { serial } = tenant;
    const known = this.#entries.get(serial);
    if (known !== undefined) {
      this.#entries.delete(serial);
      this.#entries.set(serial, known);
      known.calls += 1;
      return known;
    }
    const rest = this.#rests.get(serial);
    if (rest !== undefined && performance.now() < rest.until) throw rest.reason;
    if (this.#entries.size >= this.#most) this.#makeRoom();
    const entry: Entry = {
      tenant,
      opening: this.#start(tenant),
      sandbox: undefined,
      calls: 1,
      usedAt: performance.now(),
    };
    this.#entries.set(serial, entry);
    entry.opening.then(
      (sandbox) => (entry.sandbox = sandbox),
      (error: unknown) => this.#ended(tenant, asXcoreError(error)),
    );
    return entry;
  }

  #leave(entry: Entry): void {
    entry.calls -= 1;
    entry.usedAt = performance.now();
  }

  /** The plugin's `start` runs in each of them, for the tenant. */
  async #start(tenant: CallTenant): Promise<Sandbox> {
    const { open, startTimeoutMs: timeoutMs } = this.#options;
    const sandbox = await open({ onEnd: (reason) => this.#ended(tenant, reason) });
    try {
      await sandbox.call("start", "start", null, { timeoutMs, origin: { tenant } });
      return sandbox;
    } catch (error) {
      await sandbox.close();
      throw error;
    }
  }

  #ended({ serial }: CallTenant, reason: XcoreError): void {
    this.#spentMs += this.#entries.get(serial)?.sandbox?.stats().cpuMs ?? 0;
    this.#entries.delete(serial);
    const rest = this.#rests.get(serial) ?? { backoff: new Backoff(), until: 0, reason };
    const delayMs = rest.backoff.crashed();
    rest.until = performance.now() + (delayMs === "quarantine" ? longestRestMs : delayMs);
    rest.reason = reason;
    this.#rests.set(serial, rest);
    if (reason.details["killedHost"] === true) this.#options.onEnd(reason);
  }

  #makeRoom(): void {
    const idle = [...this.#entries].find(([, { calls, sandbox }]) => calls === 0 && sandbox !== undefined);
    if (idle === undefined) {
      throw new XcoreError(
        "PLUGIN_BUSY",
        `plugin '${this.#options.plugin}' works for ${this.#most} tenants already`,
        {
          hint: "Try again later.",
          details: { cap: this.#most },
        },
      );
    }
    this.#close(...idle);
  }

  #sweep(): void {
    const now = performance.now();
    for (const [serial, entry] of this.#entries) {
      const isOver = now - entry.usedAt > this.#idleMs || !isActive(entry.tenant);
      if (entry.calls === 0 && entry.sandbox !== undefined && isOver) this.#close(serial, entry);
    }
    for (const [serial, { until }] of this.#rests)
      if (now - until > longestRestMs * 2) this.#rests.delete(serial);
  }

  #close(serial: number, { opening, sandbox }: Entry): void {
    this.#entries.delete(serial);
    this.#spentMs += sandbox?.stats().cpuMs ?? 0;
    void stop(opening).catch(() => undefined);
  }
}

function isActive(tenant: CallTenant): boolean {
  try {
    tenant.assertActive();
    return true;
  } catch {
    return false;
  }
}

async function stop(opening: Promise<Sandbox>): Promise<void> {
  const sandbox = await opening;
  await sandbox.call("stop", "stop", null, { timeoutMs: stopTimeoutMs }).catch(() => undefined);
  await sandbox.close();
}

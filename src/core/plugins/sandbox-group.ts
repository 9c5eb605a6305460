// Several isolates of one plugin behind one sandbox, each in a host process of its own: they use several processors.
// A call goes to the one with the fewest under way. One that ends takes its own calls along; the others go on.
import type { GuestCallKind, GuestDescription, GuestRequest } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import { sleep } from "../base/deadline.ts";
import { asXcoreError, type XcoreError } from "../base/error.ts";
import type {
  CallOptions,
  PluginResponse,
  RequestOptions,
  Sandbox,
  SandboxStats,
} from "../sandbox/sandbox.ts";
import { whenOver } from "./in-flight.ts";
import { jointStats } from "./joint-stats.ts";

/** What becomes of one that was lost: opened again in so many ms, left away, or the end of all of them. */
export type AfterLoss = number | "never" | "end";

export interface SandboxGroupOptions {
  count: number;
  startTimeoutMs: number;
  /** `at` counts from 0. */
  open(at: number, options: { onEnd(reason: XcoreError): void }): Promise<Sandbox>;
  /** One has ended, or could not be opened again, while others go on. */
  onLoss(reason: XcoreError): AfterLoss;
  /** As of one sandbox: called when the last one has ended, when one ended before all were started, or when `onLoss` says so. */
  onEnd(reason: XcoreError): void;
}

interface Member {
  readonly at: number;
  readonly sandbox: Sandbox;
  calls: number;
}

export class SandboxGroup implements Sandbox {
  readonly inspection = undefined;
  readonly #options: SandboxGroupOptions;
  /** Never empty once it is open: the last one stays, ended as it is. */
  #members: Member[] = [];
  readonly #reopening = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #started = false;
  #reason: XcoreError | undefined;
  #endStreams: Parameters<Sandbox["endStreams"]>[0] | undefined;
  #turn = 0;
  /** CPU time of those that are gone. */
  #spentMs = 0;

  private constructor(options: SandboxGroupOptions) {
    this.#options = options;
  }

  /** Rejects with the first reason when one of them can't be opened; then none is. */
  static async open(options: SandboxGroupOptions): Promise<SandboxGroup> {
    const group = new SandboxGroup(options);
    const joining = Array.from({ length: options.count }, (_, at) => group.#join(at));
    try {
      await Promise.all(joining);
      return group;
    } catch (error) {
      await Promise.allSettled(joining);
      await group.close();
      throw group.#reason ?? error;
    }
  }

  get description(): GuestDescription {
    return this.#first.sandbox.description;
  }

  async request(request: GuestRequest, options: RequestOptions): Promise<PluginResponse> {
    const member = this.#fewest();
    const answer = member.sandbox.request(request, options);
    member.calls += 1;
    whenOver(answer, () => void (member.calls -= 1));
    return answer;
  }

  async call(kind: GuestCallKind, name: string, payload: Json, options: CallOptions): Promise<Json> {
    if (kind === "stop") this.#closing.abort();
    if (kind === "start" || kind === "stop") {
      const calls = this.#members.map(({ sandbox }) => sandbox.call(kind, name, payload, options));
      await Promise.allSettled(calls);
      await Promise.all(calls);
      this.#started = true;
      return null;
    }
    const member = this.#fewest();
    member.calls += 1;
    try {
      return await member.sandbox.call(kind, name, payload, options);
    } finally {
      member.calls -= 1;
    }
  }

  endStreams(why: Parameters<Sandbox["endStreams"]>[0]): void {
    this.#endStreams = why;
    for (const { sandbox } of this.#members) sandbox.endStreams(why);
  }

  /** The heap is that of the fullest, since the cap is that of one; the rest is of all together. */
  stats(): SandboxStats {
    const all = this.#members.map(({ sandbox }) => sandbox.stats());
    return {
      ...this.#first.sandbox.stats(),
      ...jointStats(all, this.#spentMs),
      heapBytes: Math.max(...all.map((one) => one.heapBytes)),
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#reopening);
    await Promise.all(this.#members.map(({ sandbox }) => sandbox.close()));
  }

  get #first(): Member {
    const [first] = this.#members;
    if (first === undefined) throw new Error("the group is not open yet");
    return first;
  }

  /** Equals take turns. */
  #fewest(): Member {
    if (this.#reason !== undefined) throw this.#reason;
    const { length } = this.#members;
    this.#turn = (this.#turn + 1) % length;
    let best = this.#members[this.#turn] ?? this.#first;
    for (let step = 1; step < length && best.calls > 0; step += 1) {
      const other = this.#members[(this.#turn + step) % length];
      if (other !== undefined && other.calls < best.calls) best = other;
    }
    return best;
  }

  async #join(at: number): Promise<void> {
    let member: Member | undefined;
    let ended: XcoreError | undefined;
    const sandbox = await this.#options.open(at, {
      onEnd: (reason) => {
        ended = reason;
        if (member !== undefined) this.#ended(member, reason);
      },
    });
    try {
      // The first ones are started together, by who opened them.
      if (this.#started)
        await sandbox.call("start", "start", null, { timeoutMs: this.#options.startTimeoutMs });
      if (ended !== undefined) throw ended;
      this.#closing.signal.throwIfAborted();
    } catch (error) {
      await sandbox.close();
      throw error;
    }
    if (this.#endStreams !== undefined) sandbox.endStreams(this.#endStreams);
    member = { at, sandbox, calls: 0 };
    this.#members.push(member);
  }

  #ended(member: Member, reason: XcoreError): void {
    const isLast = this.#members.length === 1;
    if (isLast || !this.#started) {
      this.#end(reason);
      return;
    }
    this.#spentMs += member.sandbox.stats().cpuMs;
    this.#members = this.#members.filter((one) => one !== member);
    this.#lost(member.at, reason);
  }

  #lost(at: number, reason: XcoreError): void {
    const { signal } = this.#closing;
    if (signal.aborted) return;
    const after = this.#options.onLoss(reason);
    if (after === "never") return;
    if (after === "end") {
      this.#end(reason);
      return;
    }
    const reopening = sleep(after, signal)
      .then(() => this.#join(at))
      .catch((error: unknown) => this.#lost(at, asXcoreError(error)))
      .finally(() => this.#reopening.delete(reopening));
    this.#reopening.add(reopening);
  }

  #end(reason: XcoreError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#closing.abort();
    this.#options.onEnd(reason);
  }
}

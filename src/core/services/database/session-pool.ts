// The connections of one plugin: opened when they are needed, given to who has waited longest, closed when nobody uses them.
import type { HostCallContext } from "../service.ts";
import type { Connection } from "./database.ts";
import { Session } from "./session.ts";
import type { Vigil, Watched } from "./vigil.ts";

export interface SessionPoolOptions {
  connection: Connection;
  /** As the server shows it. */
  applicationName: string;
  /** Connections at the same time. */
  most: number;
  /** How long one waits for a connection, in ms; and how long one may take to open. */
  patienceMs: number;
  /** Statements that come again are prepared. */
  prepare: boolean;
  vigil: Vigil;
  /** Why a caller gets none. */
  failure(reason: "overdue" | "cancelled" | "ended"): Error;
}

interface Waiter extends Watched {
  resolve(session: Session): void;
  reject(error: unknown): void;
}

const idleMs = 10_000;

export class SessionPool {
  readonly #options: SessionPoolOptions;
  readonly #sessions = new Set<Session>();
  /** The one that was used last at the end. */
  readonly #idle: Session[] = [];
  readonly #waiting = new Set<Waiter>();
  #opening = 0;
  #sweeper: NodeJS.Timeout | undefined;
  #ended: PromiseWithResolvers<void> | undefined;

  constructor(options: SessionPoolOptions) {
    this.#options = options;
  }

  /** An idle one, if there is any. */
  take(): Session | undefined {
    return this.#idle.pop();
  }

  /** Whether as many are open as may be. */
  get full(): boolean {
    return this.#sessions.size >= this.#options.most;
  }

  acquire(context: HostCallContext): Promise<Session> {
    const { vigil, patienceMs, failure } = this.#options;
    if (this.#ended !== undefined) return Promise.reject(failure("ended"));
    const idle = this.take();
    if (idle !== undefined) return Promise.resolve(idle);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        vigil.remove(waiter);
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter = {
        due: performance.now() + patienceMs,
        context,
        end: (why) => waiter.reject(failure(why)),
        resolve: (session) => {
          leave();
          resolve(session);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      this.#waiting.add(waiter);
      vigil.add(waiter);
      this.#openMore();
    });
  }

  release(session: Session): void {
    if (!session.usable || this.#ended !== undefined) {
      this.#drop(session);
      return;
    }
    const [waiter] = this.#waiting;
    if (waiter !== undefined) waiter.resolve(session);
    else {
      session.idleSince = performance.now();
      this.#idle.push(session);
      this.#sweeper ??= setTimeout(() => this.#sweep(), idleMs);
    }
  }

  /** Closes those that nobody uses: the line to the server may be dead. */
  dropIdle(): void {
    for (const session of this.#idle.splice(0)) this.#drop(session);
  }

  /** Resolves when those in use have been given back, too. */
  end(): Promise<void> {
    if (this.#ended !== undefined) return this.#ended.promise;
    this.#ended = Promise.withResolvers();
    clearTimeout(this.#sweeper);
    for (const waiter of this.#waiting) waiter.reject(this.#options.failure("ended"));
    this.dropIdle();
    this.#noteEnd();
    return this.#ended.promise;
  }

  #openMore(): void {
    while (this.#opening < this.#waiting.size && this.#sessions.size + this.#opening < this.#options.most) {
      void this.#open();
    }
  }

  async #open(): Promise<void> {
    const { connection, applicationName, patienceMs, prepare } = this.#options;
    this.#opening += 1;
    try {
      const session = await Session.open(connection, {
        application_name: applicationName,
        connectionTimeoutMillis: patienceMs,
        keepAlive: true,
        prepare,
        onLost: (lost) => this.#lose(lost),
      });
      this.#opening -= 1;
      this.#sessions.add(session);
      this.release(session);
    } catch (error) {
      this.#opening -= 1;
      const [waiter] = this.#waiting;
      waiter?.reject(error);
      this.#openMore();
      this.#noteEnd();
    }
  }

  /** One in use is dropped when it is given back. */
  #lose(session: Session): void {
    const at = this.#idle.indexOf(session);
    if (at < 0) return;
    this.#idle.splice(at, 1);
    this.#drop(session);
  }

  #drop(session: Session): void {
    session.close();
    this.#sessions.delete(session);
    this.#openMore();
    this.#noteEnd();
  }

  #sweep(): void {
    const before = performance.now() - idleMs;
    const recent = this.#idle.findIndex(({ idleSince }) => idleSince > before);
    for (const session of this.#idle.splice(0, recent < 0 ? this.#idle.length : recent)) this.#drop(session);
    this.#sweeper = this.#idle.length === 0 ? undefined : setTimeout(() => this.#sweep(), idleMs / 2);
  }

  #noteEnd(): void {
    if (this.#sessions.size + this.#opening === 0) this.#ended?.resolve();
  }
}

// Timers live in here, in a heap; the host only hears when the earliest is due and knocks then.
import { now, SafeMap } from "./primordials.ts";

interface Timer {
  id: number;
  dueAt: number;
  /** Undefined: fires once. */
  everyMs: number | undefined;
  run: () => void;
  cleared: boolean;
}

const maxDelayMs = 2 ** 31 - 1;

export class Timers {
  readonly #byId = new SafeMap<number, Timer>();
  #heap: Timer[] = [];
  #lastId = 0;
  /** Never goes back, whatever happens to the machine's clock. */
  #clock = now();

  set(run: () => void, delayMs: number, repeat: boolean): number {
    const delay = delayMs >= 1 && delayMs <= maxDelayMs ? delayMs : 1;
    const id = (this.#lastId += 1);
    const timer = { id, dueAt: this.now() + delay, everyMs: repeat ? delay : undefined, run, cleared: false };
    this.#byId.set(id, timer);
    this.#push(timer);
    return id;
  }

  clear(id: number): void {
    const timer = this.#byId.get(id);
    if (timer === undefined) return;
    timer.cleared = true;
    this.#byId.delete(id);
    if (this.#heap.length > 64 && this.#byId.size * 2 < this.#heap.length) this.#compact();
  }

  /** Runs what is due now; what these set anew is due at least a millisecond later and waits for the next turn. */
  runDue(onError: (thrown: unknown) => void): void {
    const time = this.now();
    for (let top = this.#heap[0]; top !== undefined && top.dueAt <= time; top = this.#heap[0]) {
      this.#pop();
      if (top.cleared) continue;
      if (top.everyMs === undefined) {
        this.#byId.delete(top.id);
      } else {
        top.dueAt = time + top.everyMs;
        this.#push(top);
      }
      try {
        top.run();
      } catch (thrown) {
        onError(thrown);
      }
    }
  }

  /** Milliseconds until the earliest is due; undefined when there is none. */
  untilNext(): number | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (!top.cleared) {
        const wait = top.dueAt - this.now();
        return wait > 0 ? wait : 0;
      }
      this.#pop();
    }
    return undefined;
  }

  now(): number {
    const time = now();
    if (time > this.#clock) this.#clock = time;
    return this.#clock;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap[at] = timer;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(timer, parent)) break;
      heap[at] = parent;
      heap[above] = timer;
      at = above;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap[heap.length - 1];
    heap.length -= 1;
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    heap[0] = last;
    for (;;) {
      let next = 2 * at + 1;
      let child = heap[next];
      const right = heap[next + 1];
      if (child !== undefined && right !== undefined && isBefore(right, child)) {
        child = right;
        next += 1;
      }
      if (child === undefined || !isBefore(child, last)) return;
      heap[at] = child;
      heap[next] = last;
      at = next;
    }
  }

  #compact(): void {
    this.#heap = [];
    this.#byId.forEach((timer) => this.#push(timer));
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.dueAt === other.dueAt ? one.id < other.id : one.dueAt < other.dueAt;
}

// The statements that one session has seen: one that comes again is prepared, so that the server reads and plans it once.
import { randomBytes } from "node:crypto";
import type { Columns } from "./columns.ts";

export interface PreparedStatement {
  readonly name: string;
  /** It may write and give rows. */
  readonly heldBack: boolean;
  /** Known once it has run: from then on the server has it, and would refuse to run it with others. */
  columns: Columns | undefined;
}

/** Each costs the server some tens of kilobytes in each session. */
const most = 50;
const mostSeen = 100;
const longest = 4 * 1024;

/** Whatever these do is undone when they fail, so one may be run a second time; others have no plan to keep. */
const planned = /^\s*(select|insert|update|delete|merge|with|values)\b/i;

export class PreparedStatements {
  /** By text, the one that was used last at the end. */
  readonly #prepared = new Map<string, PreparedStatement>();
  readonly #seen = new Set<string>();
  /** Of no other session: behind a pooler several share one of the server's. */
  readonly #prefix = `xcore_${randomBytes(9).toString("hex")}_`;
  #count = 0;
  #outdated: string[] = [];
  #lasting = true;

  /** Undefined for one that is not to be prepared, or not yet. */
  take(text: string): PreparedStatement | undefined {
    const known = this.#prepared.get(text);
    if (known !== undefined) {
      this.#prepared.delete(text);
      this.#prepared.set(text, known);
      return known;
    }
    if (!this.#lasting || text.length > longest || !planned.test(text)) return undefined;
    if (!this.#seen.delete(text)) {
      if (this.#seen.size >= mostSeen) this.#seen.clear();
      this.#seen.add(text);
      return undefined;
    }
    const name = `${this.#prefix}${(this.#count += 1)}`;
    const fresh = { name, heldBack: mayWriteAndReturn(text), columns: undefined };
    this.#prepared.set(text, fresh);
    const [oldest] = this.#prepared.keys();
    if (this.#prepared.size > most && oldest !== undefined) this.forget(oldest);
    return fresh;
  }

  /** It is prepared anew when it comes again. */
  forget(text: string): void {
    const known = this.#prepared.get(text);
    if (known === undefined) return;
    this.#prepared.delete(text);
    this.#outdated.push(known.name);
  }

  /** The server has none of them any more, and would not keep others either: nothing is prepared here from now on. */
  giveUp(): void {
    this.#lasting = false;
    this.#prepared.clear();
    this.#seen.clear();
    this.#outdated = [];
  }

  /** The names that the server may forget, told once. */
  outdated(): readonly string[] {
    if (this.#outdated.length === 0) return none;
    const names = this.#outdated;
    this.#outdated = [];
    return names;
  }
}

const none: readonly string[] = [];

/** Such a statement waits with its Sync, which commits it, until its result is known to be small: one round trip more. */
export function mayWriteAndReturn(text: string): boolean {
  return (
    /\b(insert|update|delete|merge|call|execute)\b/i.test(text) &&
    /\b(returning|select|call|execute)\b/i.test(text)
  );
}

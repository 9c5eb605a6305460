// Remembers for a moment that the database's disk was found full. Reading still works then, so no round trip tells.
import type { Health } from "../service.ts";
import { sqlState } from "./failures.ts";

const rememberedMs = 1_500;

export class FullDisk {
  #seenAt = Number.NEGATIVE_INFINITY;

  /** Any failure of a statement; others than a full disk are no matter. */
  note(error: unknown): void {
    if (sqlState(error) === "53100") this.#seenAt = performance.now();
  }

  /** A health that says so, as long as it was seen a moment ago. */
  judge(health: Health): Health {
    if (!health.ok || performance.now() - this.#seenAt > rememberedMs) return health;
    return { ...health, ok: false, detail: `${health.detail}, but its disk is full: writes fail` };
  }
}

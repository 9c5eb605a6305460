// How much a guest has said in one stream that nobody has taken yet: at most a window, which is given back as it is taken.
import { chunkCost, streamWindow } from "../../wire/protocol.ts";

/** Credit is given in portions of at least this much. */
const portion = streamWindow / 4;

export class ReceiveWindow {
  /** Received and not credited again. */
  #used = 0;
  /** Taken and not credited yet. */
  #owed = 0;

  get isEmpty(): boolean {
    return this.#used === this.#owed;
  }

  /** False when that is more than the guest had credit for. */
  receive(length: number): boolean {
    this.#used += chunkCost(length);
    return this.#used <= streamWindow;
  }

  /** One of the received has been taken. Returns the credit to give now; 0: none yet. */
  taken(length: number): number {
    this.#owed += chunkCost(length);
    if (this.#owed < portion) return 0;
    const units = this.#owed;
    this.#owed = 0;
    this.#used -= units;
    return units;
  }
}

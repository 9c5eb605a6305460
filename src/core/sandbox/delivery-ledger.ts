// Which deliver frames a host has not begun with: what lies behind the one it was killed in may be done again elsewhere.

interface Delivery {
  sandbox: number;
  records: number;
}

export class DeliveryLedger {
  /** Oldest first. */
  #open: Delivery[] = [];
  /** As the host counts them: modulo 2^32. */
  #framed = 0;

  /** A deliver frame goes out. The host takes frames in the order they are noted in. */
  note(sandbox: number, records: number): void {
    this.#framed = (this.#framed + 1) >>> 0;
    this.#open.push({ sandbox, records });
  }

  /** The host has begun with so many frames; undefined: nobody knows, so with all of them. */
  settle(begun: number | undefined): void {
    const behind = begun === undefined ? 0 : (this.#framed - begun) >>> 0;
    if (behind < this.#open.length) this.#open = behind === 0 ? [] : this.#open.slice(-behind);
  }

  /** Records of a sandbox in frames that were not begun when it was last settled. */
  unbegun(sandbox: number): number {
    let records = 0;
    for (const delivery of this.#open) if (delivery.sandbox === sandbox) records += delivery.records;
    return records;
  }
}

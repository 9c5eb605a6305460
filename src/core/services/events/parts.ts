// Texts cut into parts that a NOTIFY can carry: its payload is shorter than 8,000 bytes.
// https://www.postgresql.org/docs/current/sql-notify.html

/** Bytes of text in one part; the head takes some more. */
const partBytes = 7900;

/** `head` tells this text from every other: of equal payloads in one transaction Postgres delivers only one. */
export function partsOf(text: string, head: string): string[] {
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(start + partBytes, bytes.length);
    // Not within a character: its later bytes begin with the bits 10.
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    parts.push(bytes.subarray(start, end));
    start = end;
  }
  return parts.map((part, at) => `${head} ${at} ${parts.length} ${part.toString()}`);
}

/** Puts parts together again. All parts of a text are notified in one transaction: they come one behind the other. */
export class PartsReader {
  #head = "";
  #parts: string[] = [];

  /** The whole text with its last part; undefined until then. What does not follow is forgotten. */
  read(payload: string): string | undefined {
    const [, head = "", at = "", count = "", part = ""] = /^(\S+) (\d+) (\d+) (.*)$/s.exec(payload) ?? [];
    if (Number(at) === 0) {
      this.#head = head;
      this.#parts = [];
    }
    if (head === "" || head !== this.#head || Number(at) !== this.#parts.length) {
      this.#head = "";
      this.#parts = [];
      return undefined;
    }
    this.#parts.push(part);
    return this.#parts.length === Number(count) ? this.#parts.join("") : undefined;
  }
}

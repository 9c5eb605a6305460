// What core, sandbox host and guest must agree on before they speak: versions and hard sizes.

/** Raised when a frame or record changes its meaning; a host that speaks another version is refused. */
export const protocolVersion = 3;

/** The largest single record, in UTF-16 code units; anything larger is refused on both sides. */
export const maxRecordLength = 16 * 1024 * 1024;

/** The head of a response, all names and values together; common clients and proxies accept no more. */
export const maxHeadLength = 16 * 1024;

/** What each direction of an open stream may hold unread before the other side has given credit for more. */
export const streamWindow = 64 * 1024;

/** The longest chunk of a stream, in UTF-16 code units. */
export const maxChunkLength = 32 * 1024;

/** A chunk takes its length and this much of the window: so its number is bounded, too. */
const chunkOverhead = 32;

export function chunkCost(length: number): number {
  return length + chunkOverhead;
}

/** The longest chunk that this much credit pays for; 0: none. */
export function chunkWithin(credit: number): number {
  const length = credit - chunkOverhead;
  return length > maxChunkLength ? maxChunkLength : length > 0 ? length : 0;
}

// What core, sandbox host and guest must agree on before they speak: versions and hard sizes.

/** Raised when a frame or record changes its meaning; a host that speaks another version is refused. */
export const protocolVersion = 1;

/** The largest single record, in UTF-16 code units; anything larger is refused on both sides. */
export const maxRecordLength = 16 * 1024 * 1024;

/** The head of a response, all names and values together; common clients and proxies accept no more. */
export const maxHeadLength = 16 * 1024;

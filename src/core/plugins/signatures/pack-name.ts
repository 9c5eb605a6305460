// What the archive of a packed plugin is called.
/** `notes-1.0.0.tgz` */
export const packName = (name: string, version: string): string => `${name}-${version}.tgz`;

/** Whether a file at a folder's top looks like what packing left there: it is no part of the plugin, or each pack would hold the last. */
export const isPackName = (fileName: string): boolean =>
  /^[a-z][a-z0-9-]*-\d+\.\d+\.\d+[^/]*\.tgz$/.test(fileName);

// Who a plugin comes from, as messages show it.
import type { LockedSource } from "../lock.ts";

/** With the full commit, or the release and its registry. */
export function originOf(source: LockedSource): string {
  switch (source.type) {
    case "git": {
      const ref = source.ref === undefined || source.ref === source.commit ? "" : ` (${source.ref})`;
      const all = source.submodules === undefined ? "" : ", with its submodules";
      return `${source.url}${inner(source.subfolder)} at ${source.commit}${ref}${all}`;
    }
    case "npm":
      return `npm:${source.name}@${source.release} of ${source.registry}`;
    case "registry":
      return `${source.name}@${source.release} of ${source.registry}`;
    case "tarball":
      return `${source.url}${inner(source.subfolder)}`;
    case "folder":
      return source.path;
  }
}

const inner = (subfolder: string | undefined): string => (subfolder === undefined ? "" : `//${subfolder}`);

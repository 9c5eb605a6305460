// What xcore.lock holds.
import type { Permissions } from "../config/config.ts";
import type { Built, Seen } from "./lock-built.ts";

export type LockedSource =
  | {
      readonly type: "git";
      readonly url: string;
      /** As it was asked for; undefined for the repository's own default branch. */
      readonly ref: string | undefined;
      readonly subfolder: string | undefined;
      /** Whether its submodules were asked for: the commit names theirs. */
      readonly submodules?: true;
      /** Full id, 40 or 64 hexadecimal digits. */
      readonly commit: string;
      /** Id of the tree that was installed: the subfolder's, or the commit's. */
      readonly tree: string;
    }
  | {
      readonly type: "npm";
      readonly name: string;
      /** Range, version or tag that was asked for; undefined: the newest. */
      readonly range: string | undefined;
      readonly release: string;
      /** Where the name was approved from; with a slash at its end. */
      readonly registry: string;
      /** Digest of the tarball: `sha512-` in base64. */
      readonly archive: string;
    }
  | {
      readonly type: "registry";
      /** As integration.yaml writes its address. */
      readonly registry: string;
      readonly name: string;
      /** Range or version that was asked for; undefined: the newest. */
      readonly range: string | undefined;
      readonly release: string;
      /** Digest of the archive: `sha512-` in base64. */
      readonly archive: string;
      /** Number of the index that named it: an older index is not taken any more. */
      readonly serial: number;
    }
  | {
      readonly type: "tarball";
      readonly url: string;
      readonly subfolder: string | undefined;
      /** Digest of what was downloaded: `sha512-` in base64; absent for a file of this machine. */
      readonly archive?: string;
    }
  | { readonly type: "folder"; readonly path: string };

export interface LockedRevision extends Built {
  readonly version: string;
  readonly source: LockedSource;
  /** `sha256-` and 64 hexadecimal digits: over paths, modes and contents of all installed files. */
  readonly integrity: string;
  readonly approved: Permissions;
}

export interface LockEntry extends LockedRevision {
  /** Updates pass it over. */
  readonly pinned?: true;
  /** What ran before the last update: where a rollback leads. It is kept in the store. */
  readonly previous?: LockedRevision;
  /** A revision that failed its first minute; no update takes it again by itself. */
  readonly wentBack?: WentBack;
}

export interface WentBack {
  readonly version: string;
  readonly integrity: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
}

export interface LockedLink {
  /** Relative to the workspace. */
  readonly folder: string;
  /** Whether it is loaded in production, too. */
  readonly production?: true;
}

export interface Lock {
  readonly plugins: Readonly<Record<string, LockEntry>>;
  /** Plugins that are worked on in place, by name; one takes the place of an installed plugin of that name. */
  readonly links?: Readonly<Record<string, LockedLink>>;
  /** The registry each npm scope was approved from; it stays when the plugin goes. */
  readonly scopes?: Readonly<Record<string, string>>;
  readonly seen?: Seen;
}

// What a plugin may come from: each kind of source, as it is known before anything is fetched.
import type { NpmSpec } from "./npm-spec.ts";
import type { RegistrySource } from "../registries/spec.ts";

export type Source = GitSource | NpmSource | RegistrySource | TarballSource | FolderSource;

export interface GitSource {
  readonly type: "git";
  /** What git is given as the remote's address. */
  readonly remote: string;
  readonly protocol: "https" | "http" | "ssh" | "file";
  /** As messages and the lock show it; a local path is relative to the workspace there. */
  readonly url: string;
  readonly ref: string | undefined;
  readonly subfolder: string | undefined;
  /** Full id of the commit that must be fetched; undefined: what `ref` points to now. */
  readonly commit: string | undefined;
  /** Whether its submodules are fetched, too. Without it a source that has any is refused. */
  readonly submodules?: true;
}

export interface TarballSource {
  readonly type: "tarball";
  /** An absolute path, or an http(s) URL. */
  readonly location: string;
  readonly remote: boolean;
  readonly url: string;
  readonly subfolder: string | undefined;
  /** Digest it must have; undefined: the first one is taken. */
  readonly archive?: string;
}

export interface NpmSource extends NpmSpec {
  readonly type: "npm";
  /** What the lock pins; undefined: what the range means now. */
  readonly locked:
    | { readonly release: string; readonly registry: string; readonly archive: string }
    | undefined;
  /** Exactly this release of the range, where one was chosen already. */
  readonly release?: string;
  /** The registry it was approved from: it may come from no other. */
  readonly approvedFrom?: string;
}

export interface FolderSource {
  readonly type: "folder";
  /** Absolute. */
  readonly folder: string;
  readonly path: string;
}

export interface SourceContext {
  /** Local paths are read from here. */
  cwd: string;
  /** Local paths are recorded relative to this. */
  workspace: string;
  /** Whether the installation has registries: then a plain name that is no path is looked up there. */
  registries?: boolean;
  /** Refuses every place on this machine, unlooked at. */
  remoteOnly?: boolean;
}

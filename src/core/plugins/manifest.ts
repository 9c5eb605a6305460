// plugin.yaml as a type. It is data: reading it runs nothing of the plugin.
import type { Json } from "../../wire/json.ts";
import type { Limits } from "../base/limits.ts";
import type { Permissions } from "../config/config.ts";

export interface Manifest {
  /** Lower-case letters, digits and dashes; starts with a letter; at most 40 characters. */
  readonly name: string;
  readonly version: string;
  /** Semver range of xcore it was written for. */
  readonly xcore: string;
  /** The entry file, relative to the plugin's folder. */
  readonly entry: string;
  readonly description: string;
  readonly permissions: Permissions;
  readonly limits: Partial<Limits>;
  /** Other plugins it needs: name to semver range. */
  readonly dependencies: Readonly<Record<string, string>>;
  /** JSON Schema of its options. */
  readonly config: Json | undefined;
  /** Folder of its SQL migrations, relative; `migrations` by default. */
  readonly migrations: string;
}

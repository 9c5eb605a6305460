// Where a plugin's next revision is opened: in the host of its group, or alone.
import type { Build } from "./build.ts";
import { inspectedBuild } from "./inspected.ts";

export interface Placed {
  build: Build;
  /** Placement key of its host process. */
  group: string;
  inspect: boolean;
}

export class Placement {
  /** It is to be open to a debugger: alone in its host. */
  inspected = false;
  readonly #plugin: string;
  readonly #groupOf: (build: Build) => string;
  #evicted = false;

  constructor(plugin: string, groupOf: (build: Build) => string) {
    this.#plugin = plugin;
    this.#groupOf = groupOf;
  }

  /** It took a host down, which others may have shared: from then on it lives alone. */
  evict(): void {
    if (!this.inspected) this.#evicted = true;
  }

  place(build: Build, number: number): Placed {
    if (this.inspected && !build.trusted) {
      return { build: inspectedBuild(build), group: `inspected:${this.#plugin}:${number}`, inspect: true };
    }
    const group = this.#evicted ? `own:${this.#plugin}` : this.#groupOf(build);
    return { build, group, inspect: false };
  }
}

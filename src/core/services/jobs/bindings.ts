// Which jobs are handled here, and by which revision of which plugin.
import type { Json } from "../../../wire/json.ts";
import type { ClaimedRun } from "./jobs.ts";
import type { JobPlan } from "./schedule.ts";

type Run = (job: ClaimedRun, signal: AbortSignal) => Promise<Json>;

/** A job that is handled here. */
export interface Binding {
  readonly plugin: string;
  readonly plan: JobPlan;
  readonly run: Run;
}

export class Bindings {
  readonly #bound = new Map<string, Binding>();
  /** What a revision has announced; its `start` may enqueue before it is bound. */
  readonly #announced = new Map<string, readonly string[]>();

  /** By `plugin.job`. */
  get all(): ReadonlyMap<string, Binding> {
    return this.#bound;
  }

  announce(plugin: string, jobs: readonly string[]): void {
    this.#announced.set(plugin, jobs);
  }

  /** In the place of all that the plugin had bound before. `names` are as in `all`. */
  bind(
    plugin: string,
    plans: readonly JobPlan[],
    run: Run,
  ): { names: readonly string[]; unbind: () => void } {
    const bound = new Map(
      plans.map((plan): [string, Binding] => [`${plugin}.${plan.name}`, { plugin, plan, run }]),
    );
    for (const name of this.#namesOf(plugin)) if (!bound.has(name)) this.#bound.delete(name);
    for (const [name, binding] of bound) this.#bound.set(name, binding);
    const unbind = (): void => {
      // A binding that has been replaced since is not ours to undo.
      for (const [name, binding] of bound) {
        if (this.#bound.get(name) === binding) this.#bound.delete(name);
      }
      if (this.#namesOf(plugin).length === 0) this.#announced.delete(plugin);
    };
    return { names: [...bound.keys()], unbind };
  }

  /** Names of the plugin's jobs, as it gave them. */
  definedBy(plugin: string): readonly string[] {
    const bound = this.#namesOf(plugin).map((name) => name.slice(plugin.length + 1));
    return [...new Set([...bound, ...(this.#announced.get(plugin) ?? [])])];
  }

  #namesOf(plugin: string): string[] {
    return [...this.#bound.keys()].filter((name) => name.startsWith(`${plugin}.`));
  }
}

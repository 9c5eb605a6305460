// How much is measured, and what a family of rows is.
import type { Row } from "./table.ts";

export interface Plan {
  /** Turns that each subject has; medians are of these. */
  rounds: number;
  /** Of one turn under load. */
  turnMs: number;
  /** Repetitions of what is counted one by one: saves, starts, opened isolates. */
  samples: number;
  /** How many plugins "many" are. */
  many: number;
  jobs: number;
  say(text: string): void;
}

export interface Family {
  name: string;
  /** Gives its rows as they are measured: what is there stays, whatever fails later. */
  run(plan: Plan): AsyncGenerator<Row[]>;
}

export const fullPlan = { rounds: 5, turnMs: 1500, samples: 30, many: 100, jobs: 2000 } as const;
export const quickPlan = { rounds: 1, turnMs: 500, samples: 5, many: 100, jobs: 300 } as const;

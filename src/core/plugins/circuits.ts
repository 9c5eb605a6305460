// The circuits of a server: one for each caller and action. An action that fails one caller may well answer others.
import { XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { formatDuration } from "../base/units.ts";
import { Circuit, type CircuitOptions, type CircuitState, type Outcome } from "./circuit.ts";

/** One of them as people see it. */
export interface CircuitStatus {
  /** The plugin that calls. */
  readonly caller: string;
  /** `mailer.send` */
  readonly action: string;
  readonly state: CircuitState;
  /** In a row. */
  readonly failures: number;
  /** Until it is tried again; 0 unless it is open. */
  readonly retryInMs: number;
}

interface Pair {
  readonly caller: string;
  readonly action: string;
}

export class Circuits {
  readonly #logger: Logger;
  readonly #options: CircuitOptions;
  readonly #circuits = new Map<string, Pair & { readonly circuit: Circuit }>();

  constructor(logger: Logger, options: CircuitOptions = {}) {
    this.#logger = logger;
    this.#options = options;
  }

  /** Lets a call through and hears how it ended; throws `CIRCUIT_OPEN` while the action rests. */
  enter(pair: Pair): (outcome: Outcome) => void {
    const key = `${pair.caller} ${pair.action}`;
    const circuit = this.#circuits.get(key)?.circuit ?? new Circuit(this.#options);
    this.#circuits.set(key, { ...pair, circuit });
    const ended = circuit.enter();
    if (ended === undefined) throw resting(pair, circuit);
    return (outcome) => {
      const before = circuit.state;
      ended(outcome);
      if (circuit.state !== before) this.#tell(pair, circuit);
    };
  }

  /** Those where the last call failed, of one plugin as caller or callee; without a name all. */
  list(plugin?: string): CircuitStatus[] {
    return [...this.#circuits.values()]
      .filter((one) => one.circuit.failures > 0 && (plugin === undefined || concerns(one, plugin)))
      .map(({ caller, action, circuit: { state, failures, retryInMs } }) => ({
        caller,
        action,
        state,
        failures,
        retryInMs: Math.round(retryInMs),
      }));
  }

  /** A new build of the plugin, or none any more: what was says nothing about it. */
  forget(plugin: string): void {
    for (const [key, one] of this.#circuits) if (concerns(one, plugin)) this.#circuits.delete(key);
  }

  #tell({ caller, action }: Pair, circuit: Circuit): void {
    const { state, failures, retryInMs } = circuit;
    const fields = { caller, action, failures };
    if (state === "open") {
      const pause = formatDuration(Math.round(retryInMs));
      this.#logger.warn(
        fields,
        `'${action}' failed ${failures} times in a row: '${caller}' gets no call through for ${pause}`,
      );
    } else if (state === "closed") {
      this.#logger.info(fields, `'${action}' answers '${caller}' again`);
    }
  }
}

function concerns({ caller, action }: Pair, plugin: string): boolean {
  return caller === plugin || action.startsWith(`${plugin}.`);
}

function resting({ caller, action }: Pair, { failures, retryInMs }: Circuit): XcoreError {
  const seconds = Math.max(1, Math.ceil(retryInMs / 1000));
  return new XcoreError(
    "CIRCUIT_OPEN",
    `'${action}' failed ${failures} times in a row when '${caller}' called it; it is tried again in ${seconds} s`,
    {
      hint: `See xcore plugin info ${action.split(".", 1)[0] ?? ""}.`,
      details: { caller, action, failures, retryAfterSeconds: seconds },
    },
  );
}

// All plugins of a server: found, loaded in waves, looked up by name, kept in step with folder and lock file.
import type { Json } from "../../wire/json.ts";
import { sleep } from "../base/deadline.ts";
import { asXcoreError, errorData, XcoreError } from "../base/error.ts";
import { SerialQueue } from "../base/queue.ts";
import { Lanes } from "../base/lanes.ts";
import { suggestion } from "../base/nearest.ts";
import type { Logger } from "../base/log.ts";
import type { CallOptions } from "../sandbox/sandbox.ts";
import { callAction, type ActionCall } from "./action-calls.ts";
import type { CatalogEntry } from "./catalog.ts";
import { Circuits } from "./circuits.ts";
import { cycleThrough } from "./dependencies.ts";
import type { Hooks } from "./hooks.ts";
import { Plugin, type PluginSources } from "./plugin.ts";
import type { Probation } from "./probation.ts";
import { assertReached } from "./tenant-gate.ts";

export interface RegistrySources {
  plugin: PluginSources;
  /** Reads plugins folder and lock file anew. */
  catalog(): Promise<CatalogEntry[]>;
  enabled(name: string): boolean;
  /** Watches the first minute of what replaced a revision in the running server. Default: nobody does. */
  probation?: Pick<Probation, "begin" | "end">;
  logger: Logger;
  /** Around the calls that come through here. */
  hooks: Hooks;
}

export interface SyncOutcome {
  loaded: string[];
  reloaded: string[];
  unloaded: string[];
  failed: { name: string; code: string; message: string }[];
}

// All at once would be up all at the same late time.
const loadsAtOnce = 4;
const lanePatienceMs = 500;

export class PluginRegistry {
  readonly #sources: RegistrySources;
  readonly #plugins = new Map<string, Plugin>();
  readonly #lanes = new Lanes({ count: loadsAtOnce, patienceMs: lanePatienceMs });
  readonly #syncs = new SerialQueue();
  readonly circuits: Circuits;
  readonly hooks: Hooks;

  constructor(sources: RegistrySources) {
    this.#sources = sources;
    this.circuits = new Circuits(sources.logger);
    this.hooks = sources.hooks;
  }

  /** For the hot path: no error, no allocation. */
  find(name: string): Plugin | undefined {
    return this.#plugins.get(name);
  }

  get(name: string): Plugin {
    const found = this.#plugins.get(name);
    if (found !== undefined) return found;
    throw new XcoreError("PLUGIN_NOT_FOUND", `there is no plugin '${name}'`, {
      hint: capitalised(suggestion(name, this.#plugins.keys())),
    });
  }

  list(): Plugin[] {
    return [...this.#plugins.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Finds every enabled plugin; from then on they are known by name, and nothing of them runs. */
  async discover(): Promise<void> {
    for (const entry of await this.#enabledEntries()) {
      this.#plugins.set(entry.name, new Plugin(entry, this.#sources.plugin));
    }
  }

  /**
   * Loads every plugin that was discovered, each as soon as those it needs are up. One that fails is logged and fails alone; one
   * that hangs is waited for no longer than `patienceMs`, and its load goes on.
   */
  async loadAll({ patienceMs }: { patienceMs: number }): Promise<void> {
    const entries = this.list().map((plugin) => plugin.entry);
    const patience = new AbortController();
    const loaded = this.#loadInWaves(entries).finally(() => patience.abort());
    await sleep(patienceMs, patience.signal).catch(() => loaded);
  }

  /** Brings what runs in step with what is on disk; `touched` names plugins whose files changed. */
  sync(touched: ReadonlySet<string> = new Set()): Promise<SyncOutcome> {
    return this.#syncs.run(() => this.#sync(touched));
  }

  async #sync(touched: ReadonlySet<string>): Promise<SyncOutcome> {
    const entries = await this.#enabledEntries();
    const outcome: SyncOutcome = { loaded: [], reloaded: [], unloaded: [], failed: [] };
    const names = new Set(entries.map((entry) => entry.name));
    for (const plugin of this.list()) {
      if (names.has(plugin.name)) continue;
      // New requests find nothing from here on; those under way are finished.
      this.#plugins.delete(plugin.name);
      this.circuits.forget(plugin.name);
      this.#sources.probation?.end(plugin.name);
      await plugin.unload();
      outcome.unloaded.push(plugin.name);
    }
    const fresh = entries.filter((entry) => !this.#plugins.has(entry.name));
    const changed = entries.filter((entry) => {
      const plugin = this.#plugins.get(entry.name);
      return plugin !== undefined && (touched.has(entry.name) || plugin.entry.folder !== entry.folder);
    });
    const replaced = changed.filter(({ name, source, folder }) => {
      const plugin = this.#plugins.get(name);
      return source === "installed" && plugin?.current !== undefined && plugin.entry.folder !== folder;
    });
    for (const entry of fresh) this.#plugins.set(entry.name, new Plugin(entry, this.#sources.plugin));
    changed.push(...this.#waitingFor([...fresh, ...changed], entries));
    const failures = await this.#loadInWaves([...fresh, ...changed]);
    for (const { name } of replaced) if (!failures.has(name)) this.#sources.probation?.begin(this.get(name));
    for (const entry of [...fresh, ...changed]) {
      const failure = failures.get(entry.name);
      const { code, message } = errorData(failure);
      if (failure !== undefined) outcome.failed.push({ name: entry.name, code, message });
      else (fresh.includes(entry) ? outcome.loaded : outcome.reloaded).push(entry.name);
    }
    return outcome;
  }

  /** Reads the catalog again for one plugin and loads it, or reloads it when it lives. */
  async load(name: string): Promise<Plugin> {
    const entry = (await this.#sources.catalog()).find((candidate) => candidate.name === name);
    const plugin = this.#plugins.get(name) ?? (entry && new Plugin(entry, this.#sources.plugin));
    if (entry === undefined || plugin === undefined) return this.get(name);
    this.#plugins.set(name, plugin);
    await plugin.load(entry);
    await this.#loadInWaves(this.#waitingFor([entry], await this.#enabledEntries()));
    return plugin;
  }

  /** Those that failed for want of another plugin, and directly or by others need one of these: they are worth another try. */
  #waitingFor(loaded: readonly CatalogEntry[], entries: readonly CatalogEntry[]): CatalogEntry[] {
    const names = new Set(loaded.map(({ name }) => name));
    const waiting: CatalogEntry[] = [];
    const failed = entries.filter(({ name }) => {
      const plugin = this.#plugins.get(name);
      return plugin?.state === "failed" && plugin.reason?.code === "PLUGIN_DEPENDENCY" && !names.has(name);
    });
    for (let found = true; found;) {
      const next = failed.filter(
        ({ name, manifest }) =>
          !names.has(name) && Object.keys(manifest?.dependencies ?? {}).some((needed) => names.has(needed)),
      );
      for (const { name } of next) names.add(name);
      waiting.push(...next);
      found = next.length > 0;
    }
    return waiting;
  }

  async unload(name: string): Promise<Plugin> {
    const plugin = this.get(name);
    const dependants = this.list().filter(
      (other) =>
        other.state === "ready" && Object.hasOwn(other.current?.build.manifest.dependencies ?? {}, name),
    );
    if (dependants.length > 0) {
      throw new XcoreError(
        "PLUGIN_DEPENDENCY",
        `plugin '${name}' is needed by ${dependants.map((one) => `'${one.name}'`).join(", ")}`,
        {
          hint: "Unload those first.",
        },
      );
    }
    await plugin.unload();
    return plugin;
  }

  /** Runs an action for the operator, who may call everything. */
  call(name: string, action: string, input: Json, options: CallOptions): Promise<Json> {
    const origin = { ...options.origin, chain: [`${name}.${action}`] };
    assertReached(name, origin);
    const run = (given: Json): Promise<Json> => this.get(name).action(action, given, { ...options, origin });
    if (this.hooks.isEmpty) return run(input);
    return this.hooks.action(
      { plugin: name, action, caller: null, input, options: { ...options, origin } },
      run,
    );
  }

  /** Runs an action for a plugin; that it is permitted to call has been checked. */
  async callFrom(name: string, call: ActionCall): Promise<Json> {
    assertReached(name, call.origin);
    const run = (input: Json): Promise<Json> => callAction(this.get(name), { ...call, input }, this.circuits);
    if (this.hooks.isEmpty) return run(call.input);
    const { action, caller, input, timeoutMs, signal, origin } = call;
    const options = { timeoutMs, signal, ...(origin === undefined ? {} : { origin }) };
    return this.hooks.action({ plugin: name, action, caller, input, options }, run);
  }

  /** The server is stopping: what never ends by itself must not hold it up. */
  endStreams(): void {
    for (const plugin of this.list()) plugin.current?.endStreams("stop");
  }

  async close(options: { drain: boolean }): Promise<void> {
    await Promise.all(this.list().map((plugin) => plugin.close(options)));
  }

  async #enabledEntries(): Promise<CatalogEntry[]> {
    return (await this.#sources.catalog()).filter((entry) => this.#sources.enabled(entry.name));
  }

  async #loadInWaves(entries: CatalogEntry[]): Promise<Map<string, XcoreError>> {
    const byName = new Map(entries.map((entry) => [entry.name, entry]));
    const needs = (name: string): string[] => Object.keys(byName.get(name)?.manifest?.dependencies ?? {});
    const failures = new Map<string, XcoreError>();
    const loads = new Map<string, Promise<void>>();
    const load = (entry: CatalogEntry): Promise<void> => {
      const known = loads.get(entry.name);
      if (known !== undefined) return known;
      const cycle = cycleThrough(entry.name, needs);
      const inner = cycle === undefined ? needs(entry.name).flatMap((name) => byName.get(name) ?? []) : [];
      const loading = Promise.all(inner.map(load))
        .then(() => {
          if (cycle === undefined) return this.#lanes.run(() => this.get(entry.name).load(entry));
          const reason = cycleFault(entry.name, cycle);
          this.get(entry.name).refuse(reason);
          throw reason;
        })
        .catch((error: unknown) => {
          const reason = asXcoreError(error);
          failures.set(entry.name, reason);
          this.#sources.logger.error(
            { plugin: entry.name, code: reason.code, hint: reason.hint },
            reason.message,
          );
        });
      loads.set(entry.name, loading);
      this.get(entry.name).expect(loading);
      return loading;
    };
    await Promise.all(entries.map(load));
    return failures;
  }
}

function cycleFault(name: string, cycle: string[]): XcoreError {
  return new XcoreError("PLUGIN_DEPENDENCY", `plugin '${name}' depends on itself: ${cycle.join(" -> ")}`, {
    hint: "Break the cycle: let one of them publish an event instead.",
  });
}

function capitalised(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`.replace("?.", "?");
}

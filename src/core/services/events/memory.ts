// Events within one process: live, at most once, in order per subscriber.
import { Type, type Static } from "typebox";
import type { Json } from "../../../wire/json.ts";
import { XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { CallTenant } from "../../base/tenant.ts";
import { parseSize, sizePattern } from "../../base/units.ts";
import { Arguments } from "../arguments.ts";
import type { Facade, Health, PluginIdentity, Provider, Reply } from "../service.ts";
import type { Deliver, EventsService } from "./events.ts";
import { isEventName, isEventPattern, matchesAny, maxNameLength } from "./pattern.ts";
import { Subscriber } from "./subscriber.ts";

const options = Type.Object(
  {
    /** Events that may wait for one slow subscriber. */
    maxQueue: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1000 }),
    maxPayload: Type.String({ pattern: sizePattern, default: "64kb", examples: ["64kb"] }),
  },
  { additionalProperties: false },
);

export const memoryEvents: Provider<Static<typeof options>> = {
  driver: "memory",
  options,
  needs: [],
  open: ({ options: { maxQueue, maxPayload }, logger }) =>
    Promise.resolve(new MemoryEvents({ maxQueue, maxPayloadBytes: parseSize(maxPayload) ?? 65_536, logger })),
};

interface Settings {
  maxQueue: number;
  maxPayloadBytes: number;
  logger: Logger;
}

class MemoryEvents implements EventsService {
  readonly driver = "memory";
  readonly tenants = true;
  readonly #settings: Settings;
  readonly #subscribers = new Set<Subscriber>();
  #droppedByGone = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  subscribe(plugin: string, patterns: readonly string[], deliver: Deliver): () => void {
    const wrong = patterns.find((pattern) => !isEventPattern(pattern));
    if (wrong !== undefined) {
      throw new XcoreError(
        "PLUGIN_DEFINITION",
        `plugin '${plugin}': '${wrong}' is no name or pattern of events`,
        {
          hint: "Write names such as note.created; a * may stand only as the last segment: note.*",
        },
      );
    }
    const { maxQueue, logger } = this.#settings;
    const subscriber = new Subscriber({ plugin, patterns, deliver, maxQueue, logger });
    this.#subscribers.add(subscriber);
    return () => {
      if (!this.#subscribers.delete(subscriber)) return;
      this.#droppedByGone += subscriber.dropped;
      subscriber.end();
    };
  }

  publish(source: string, name: string, payload: Json, tenant?: CallTenant): Promise<void> {
    if (!isEventName(name)) {
      return Promise.reject(
        new XcoreError(
          "INPUT_INVALID",
          `events.publish: '${name.slice(0, maxNameLength)}' is no name of an event`,
          {
            hint: "Write letters, digits, _ and - in segments with dots between them: note.created",
          },
        ),
      );
    }
    for (const subscriber of this.#subscribers) subscriber.offer({ name, payload, source }, tenant);
    return Promise.resolve();
  }

  check(): Promise<Health> {
    const dropped = [...this.#subscribers].reduce((sum, { dropped }) => sum + dropped, this.#droppedByGone);
    const detail = `in process, ${this.#subscribers.size} subscribers${dropped > 0 ? `, ${dropped} events dropped` : ""}`;
    return Promise.resolve({ ok: true, latencyMs: 0, detail });
  }

  forPlugin(plugin: PluginIdentity): Promise<Facade> {
    return Promise.resolve({
      calls: {
        "events.publish": async (args, { origin }) => {
          const fields = new Arguments("events.publish", args);
          const name = fields.text("name", maxNameLength);
          const payload = fields.json("payload", this.#settings.maxPayloadBytes);
          if (!matchesAny(plugin.permissions.events.publish, name)) throw undeclared(plugin.name, name);
          await this.publish(plugin.name, name, payload.value, origin?.tenant);
          return null satisfies Reply<"events.publish">;
        },
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const subscriber of this.#subscribers) subscriber.end();
    this.#subscribers.clear();
    return Promise.resolve();
  }
}

function undeclared(plugin: string, name: string): XcoreError {
  return new XcoreError(
    "PERMISSION_UNDECLARED",
    `plugin '${plugin}': publishing '${name}' is not covered by permissions.events.publish in plugin.yaml`,
    { hint: `Add '${name}' there and run xcore plugin approve ${plugin}` },
  );
}

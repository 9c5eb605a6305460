// Durable events are jobs of the plugins that handle them: kept, tried again, and dead letters in the end.
import type { EventDelivery, GuestDescription, JobDescription } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import { XcoreError } from "../base/error.ts";
import type { EventOrigin, PublishedEvent } from "../services/events/events.ts";
import { matchesAny } from "../services/events/pattern.ts";
import { eventJob } from "../services/jobs/event-job.ts";
import type { JobsService } from "../services/jobs/jobs.ts";
import type { CatalogEntry } from "./catalog.ts";

const delivery: JobDescription = { retries: 5, concurrency: 10 };

/** A plugin that may handle events. */
export interface EventHandler {
  readonly name: string;
  /** What it declared when it was open last; undefined: it never was. */
  readonly declared: GuestDescription | undefined;
  readonly entry: CatalogEntry;
}

/** The jobs a revision binds beside those it defines. */
export function eventJobs(events: readonly string[]): Readonly<Record<string, JobDescription>> {
  return events.length === 0 ? {} : { [eventJob]: delivery };
}

/**
 * Stores the event once for each plugin that handles it, also for one that is away for the moment; with a key in a lane of
 * jobs, which keeps the order. Rejects when one of them can't be stored; the others may have been.
 */
export async function keepEvent(
  { key, ...event }: PublishedEvent,
  { tenant, hops = 1 }: EventOrigin,
  sources: { plugins: readonly EventHandler[]; jobs: JobsService },
): Promise<void> {
  const handlers = sources.plugins.filter(
    (plugin) => tenant?.reaches(plugin.name) !== false && matchesAny(patternsOf(plugin), event.name),
  );
  // The key is kept for those who look at the job.
  const data = { ...event, hops, ...(key === undefined ? {} : { key }) };
  await Promise.all(
    handlers.map(({ name }) => sources.jobs.enqueue(name, eventJob, data, { tenant, lane: key })),
  );
}

/** What was kept, read back. */
export function keptEvent(data: Json): { event: EventDelivery; hops: number } {
  const { id, name, payload, source, hops } = (data ?? {}) as Partial<Record<string, Json>>;
  if (typeof id === "string" && typeof name === "string" && typeof source === "string") {
    return {
      event: { id, name, payload: payload ?? null, source },
      hops: typeof hops === "number" ? hops : 1,
    };
  }
  throw new XcoreError("INPUT_INVALID", "the job holds no event", {
    hint: "Events are published by plugins; a job of this name is not for running by hand.",
  });
}

/** What it handled last, or may handle as soon as it is there. */
function patternsOf({ declared, entry }: EventHandler): readonly string[] {
  return declared?.events ?? entry.manifest?.permissions.events.subscribe ?? [];
}

// Events within the process.
import type { EventsService } from "../../../../src/core/services/events/events.ts";
import { memoryEvents } from "../../../../src/core/services/events/memory.ts";
import { eventsConformance } from "../../../conformance/events.ts";
import { openProvider } from "../../../support/services.ts";

eventsConformance(
  "memory",
  async (options = {}) => (await openProvider(memoryEvents, { options })) as EventsService,
);

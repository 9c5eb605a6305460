// Events within one process: for a server of one node.
import { Type, type Static } from "typebox";
import type { Provider } from "../service.ts";
import { EventsHub } from "./hub.ts";
import { commonOptions, settingsOf } from "./options.ts";

const options = Type.Object(commonOptions, { additionalProperties: false });

export const memoryEvents: Provider<Static<typeof options>> = {
  driver: "memory",
  options,
  needs: [],
  open: ({ options: written, logger }) =>
    Promise.resolve(new EventsHub({ driver: "memory", ...settingsOf(written), logger })),
};

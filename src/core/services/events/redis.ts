// Events between nodes by Redis.
import { Type, type Static } from "typebox";
import { redisPrefix, redisUrl } from "../redis-connection.ts";
import { redisFaults } from "../redis-faults.ts";
import type { Provider } from "../service.ts";
import { openBetweenNodes } from "./between-nodes.ts";
import { commonOptions, settingsOf } from "./options.ts";
import { RedisCarrier } from "./redis-carrier.ts";

const options = Type.Object(
  {
    ...commonOptions,
    url: redisUrl,
    /** Servers with the same prefix hear each other. */
    prefix: redisPrefix,
  },
  { additionalProperties: false },
);

export const redisEvents: Provider<Static<typeof options>> = {
  driver: "redis",
  options,
  needs: [],
  open: ({ name, options: written, logger }) =>
    openBetweenNodes({
      driver: "redis",
      by: "Redis",
      ...settingsOf(written),
      logger,
      carrier: (events) =>
        new RedisCarrier(
          {
            url: written.url,
            channel: `${written.prefix}:events`,
            faults: redisFaults(written.url, `services.${name}.url`),
          },
          events,
        ),
    }),
};

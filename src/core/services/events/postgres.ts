// Events between nodes by the database they share.
import { Type, type Static } from "typebox";
import type { DatabaseService } from "../database/database.ts";
import type { Provider } from "../service.ts";
import { openBetweenNodes } from "./between-nodes.ts";
import { commonOptions, settingsOf } from "./options.ts";
import { channelOf, PostgresCarrier } from "./postgres-carrier.ts";

const options = Type.Object(commonOptions, { additionalProperties: false });

export const postgresEvents: Provider<Static<typeof options>> = {
  driver: "postgres",
  options,
  needs: ["database"],
  async open({ options: written, needs, logger }) {
    const { connection, pool } = needs["database"] as DatabaseService;
    const channel = await channelOf(pool);
    return openBetweenNodes({
      driver: "postgres",
      by: "Postgres",
      ...settingsOf(written),
      logger,
      carrier: (events) => new PostgresCarrier({ connection, channel }, events),
    });
  },
};

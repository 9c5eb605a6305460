// The embedded driver: real Postgres out of an npm package, its data in `.xcore/`; nothing to install or to set up.
import { Type } from "typebox";
import type { Provider } from "../service.ts";
import { openEmbedded } from "./embedded/server.ts";
import { commonOptions, databaseLimits, type CommonOptions } from "./options.ts";
import { PostgresService } from "./postgres-service.ts";

export const embeddedPostgres: Provider<CommonOptions> = {
  driver: "embedded",
  options: Type.Object(commonOptions, { additionalProperties: false }),
  needs: [],
  async open({ name, options, workspace, stateFolder, logger }) {
    const server = await openEmbedded({ service: name, workspace, stateFolder, logger });
    try {
      logger.debug({ socket: server.connection.host }, `embedded Postgres ${server.arrival}`);
      return await PostgresService.open({
        driver: "embedded",
        connection: server.connection,
        limits: databaseLimits(options),
        logger,
        release: () => server[Symbol.asyncDispose](),
      });
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  },
};

// The pglite driver: Postgres compiled to WebAssembly, in this process. For development where no native Postgres can run; only when it is named.
import { join } from "node:path";
import { Type } from "typebox";
import { XcoreError } from "../../base/error.ts";
import type { PluginIdentity, Provider } from "../service.ts";
import { commonOptions, databaseLimits, type CommonOptions } from "./options.ts";
import { openPglite } from "./pglite/server.ts";
import { PostgresService } from "./postgres-service.ts";

export const pglite: Provider<CommonOptions> = {
  driver: "pglite",
  options: Type.Object(commonOptions, { additionalProperties: false }),
  needs: [],
  async open({ name, options, stateFolder, logger }) {
    const server = await openPglite(join(stateFolder, name), logger);
    try {
      logger.warn(
        {},
        "PGlite is for development: one process, one transaction at a time, no time limits, and nothing between one plugin's data and another's",
      );
      return await PostgresService.open({
        driver: "pglite",
        connection: server.connection,
        limits: databaseLimits(options),
        logger,
        single: true,
        admit,
        release: async () => server[Symbol.asyncDispose](),
      });
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  },
};

/** A role is no boundary here: who is in the session can take any other. */
function admit({ name, own }: PluginIdentity): void {
  if (own === true) return;
  throw new XcoreError(
    "PERMISSION_NOT_APPROVED",
    `plugin '${name}' comes from elsewhere, and on PGlite it could read and change the data of every other plugin`,
    {
      hint: "Use driver: embedded, or postgres and its url; or trust the plugin by name and digest (plugins.<name>.trust).",
    },
  );
}

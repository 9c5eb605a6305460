// The postgres driver: any Postgres from 14 on, by URL.
import { Type } from "typebox";
import { XcoreError } from "../../base/error.ts";
import type { Provider } from "../service.ts";
import { commonOptions, databaseLimits, type CommonOptions } from "./options.ts";
import { PostgresService } from "./postgres-service.ts";
import { readUrl, urlOptions, type UrlOptions } from "./postgres-url.ts";
import { notReachable } from "./unreachable.ts";

export const postgres: Provider<CommonOptions & UrlOptions> = {
  driver: "postgres",
  options: Type.Object(
    {
      ...urlOptions,
      ...commonOptions,
    },
    { additionalProperties: false },
  ),
  needs: [],
  async open({ name, options, logger }) {
    const connection = readUrl(name, options);
    try {
      return await PostgresService.open({
        driver: "postgres",
        connection,
        limits: databaseLimits(options),
        logger,
      });
    } catch (error) {
      throw error instanceof XcoreError ? error : notReachable(error, name, connection);
    }
  },
};

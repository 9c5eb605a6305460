// Migrations of a plugin in the schemas of tenants.
import { asXcoreError } from "../base/error.ts";
import type { Build } from "../plugins/build.ts";
import { migratePlugin, type MigrateOptions } from "./at-start.ts";

const atOnce = 4;

/** One tenant after another, some at once. One that fails is logged and shut out of this plugin until it works. */
export async function migrateTenants(
  options: MigrateOptions & { build: Build; tenants: readonly string[] },
): Promise<void> {
  const left = [...options.tenants];
  const work = async (): Promise<void> => {
    for (let tenant = left.shift(); tenant !== undefined; tenant = left.shift()) {
      await migratePlugin({ ...options, tenant }).catch((error: unknown) => {
        const { code, message, hint } = asXcoreError(error);
        options.logger.error({ plugin: options.build.manifest.name, tenant, code, hint }, message);
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

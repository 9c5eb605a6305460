// The application's entities against its database: what a new migration would hold, and whether there is anything.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError } from "../base/error.ts";
import type { Config } from "../config/config.ts";
import type { DatabaseService } from "../services/database/database.ts";
import type { CreateResult } from "./target.ts";

export interface Application {
  database: DatabaseService;
  config: Config;
}

/** Writes a migration of what differs; an empty one without looking when `empty`. */
export async function createFromEntities(
  application: Application,
  { words, empty }: { words: string | undefined; empty: boolean },
): Promise<CreateResult> {
  const { folder, entities: globs } = application.config.migrations;
  const { orm, entities } = await openWithEntities(application);
  try {
    if (!empty && entities === 0) {
      throw new XcoreError("MIGRATION_FAILED", "there are no entities to compare the database with", {
        hint: `Export what defineEntity makes from a file in ${globs.join(", ") || "migrations.entities"}, or write an empty migration with --empty.`,
      });
    }
    await mkdir(folder, { recursive: true });
    const { fileName, diff } = await orm.migrator.create(folder, empty, false, words);
    if (fileName === "") return { file: undefined, statements: [] };
    return { file: join(folder, fileName), statements: empty ? [] : diff.up.filter((line) => line !== "") };
  } finally {
    await orm.close(true);
  }
}

/** The SQL that would make the database what the entities say; none without entities. */
export async function entityDrift(application: Application): Promise<string[]> {
  if (application.config.migrations.entities.length === 0) return [];
  const { orm, entities } = await openWithEntities(application);
  try {
    if (entities === 0) return [];
    const sql = await orm.schema.getUpdateSchemaSQL({ wrap: false });
    return sql
      .split(/;\n/)
      .map((text) => text.trim().replace(/;$/, ""))
      .filter((text) => text !== "");
  } finally {
    await orm.close(true);
  }
}

async function openWithEntities({ database, config }: Application) {
  const { loadEntities, openOrm, schemasOf } = await import("./orm.ts");
  const entities = await loadEntities(config.migrations.entities);
  const orm = await openOrm({
    connection: database.connection,
    folder: config.migrations.folder,
    workspace: config.workspace,
    entities,
    foreignSchemas: await foreignSchemas(database, schemasOf(entities)),
  });
  return { orm, entities: entities.length };
}

/** The core's, every plugin's, and those of whoever else uses this database. */
async function foreignSchemas(database: DatabaseService, own: readonly string[]): Promise<string[]> {
  const { rows } = await database.pool.query<{ name: string }>(
    "select nspname as name from pg_namespace where nspname <> all($1) and nspname !~ '^pg_'",
    [["public", "information_schema", ...own]],
  );
  return rows.map(({ name }) => name);
}

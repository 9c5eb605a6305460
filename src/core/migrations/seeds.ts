// Seeds: rows to begin with, in `seeds/` of the project (SQL and TypeScript) and of each plugin (SQL, as its own role).
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, systemCode, XcoreError } from "../base/error.ts";
import type { Config } from "../config/config.ts";
import type { Connection, DatabaseService } from "../services/database/database.ts";
import { runSql } from "./run-sql.ts";
import { splitStatements } from "./sql-statements.ts";
import type { MigrationTarget } from "./target.ts";

export interface SeededTarget {
  /** `application`, or the plugin's name. */
  readonly target: string;
  readonly files: readonly string[];
}

export interface Seeds {
  readonly target: string;
  /** Runs every file, each in a transaction of its own, by name; `MIGRATION_PENDING` where a migration must come first. */
  run(migrations: MigrationTarget | undefined): Promise<string[]>;
}

export function applicationSeeds(database: DatabaseService, config: Config): Seeds {
  return seeds({
    target: "application",
    folder: join(config.workspace, "seeds"),
    endings: /\.(sql|ts|js)$/,
    run: (path) =>
      path.endsWith(".sql")
        ? runSqlSeed(path, {
            what: "a seed of the application",
            connection: database.connection,
            again: "xcore db seed",
          })
        : runCode(path, database, config),
  });
}

export function pluginSeeds(database: DatabaseService, plugin: string, folder: string): Seeds {
  return seeds({
    target: plugin,
    folder: join(folder, "seeds"),
    endings: /\.sql$/,
    run: async (path) =>
      runSqlSeed(path, {
        what: `a seed of plugin '${plugin}'`,
        connection: await database.connectionOf(plugin),
        again: `xcore db seed --plugin ${plugin}`,
      }),
  });
}

interface SeedOptions {
  target: string;
  folder: string;
  endings: RegExp;
  run(path: string): Promise<void>;
}

function seeds({ target, folder, endings, run }: SeedOptions): Seeds {
  return {
    target,
    async run(migrations) {
      const names = await readdir(folder).catch((error: unknown) => {
        if (systemCode(error) === "ENOENT") return [];
        throw error;
      });
      const files = names.filter((name) => endings.test(name) && !name.endsWith(".d.ts")).sort();
      if (files.length > 0 && migrations !== undefined) await refusePending(migrations);
      for (const file of files) await run(join(folder, file));
      return files;
    },
  };
}

async function refusePending(migrations: MigrationTarget): Promise<void> {
  const pending = (await migrations.status()).find(({ state }) => state === "pending");
  if (pending === undefined) return;
  throw new XcoreError(
    "MIGRATION_PENDING",
    `${migrations.name}: migration ${pending.name} is not applied yet; its seeds may need it`,
    { hint: "Run xcore migrate first.", details: { target: migrations.name, migration: pending.name } },
  );
}

async function runSqlSeed(
  path: string,
  options: { what: string; connection: Connection; again: string },
): Promise<void> {
  const source = (await readFile(path, "utf8")).replaceAll("\r\n", "\n").replace(/^\uFEFF/, "");
  await runSql({ ...options, path, statements: splitStatements(source) });
}

/** `export default async (em: EntityManager) => { … }`, in one transaction. */
async function runCode(path: string, database: DatabaseService, config: Config): Promise<void> {
  const { importFile, loadEntities, openOrm } = await import("./orm.ts");
  const { default: seed } = await importFile(path);
  if (typeof seed !== "function") {
    throw new XcoreError("MIGRATION_FAILED", `${path} has no function as its default export`, {
      hint: "Write: export default async (em: EntityManager) => { … }, with EntityManager from xcore/orm.",
      details: { file: path },
    });
  }
  const orm = await openOrm({
    connection: database.connection,
    folder: config.migrations.folder,
    workspace: config.workspace,
    entities: await loadEntities(config.migrations.entities),
    foreignSchemas: [],
  });
  try {
    await orm.em.fork().transactional(async (em) => (seed as (given: typeof em) => unknown)(em));
  } catch (error) {
    throw new XcoreError("MIGRATION_FAILED", `seed ${path} failed: ${messageOf(error)}`, {
      hint: "Nothing of this file was kept. Correct it and run: xcore db seed",
      details: { file: path },
      cause: error,
    });
  } finally {
    await orm.close(true);
  }
}

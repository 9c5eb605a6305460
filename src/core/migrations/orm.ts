// The one file that opens MikroORM. It is imported only when the application has something to migrate: loading it takes long.
import { existsSync } from "node:fs";
import { glob } from "node:fs/promises";
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { EntitySchema, MikroORM, type Logger, type Options } from "@mikro-orm/postgresql";
import { Migration, Migrator, TSMigrationGenerator } from "@mikro-orm/migrations";
import { messageOf, XcoreError } from "../base/error.ts";
import { packageFile } from "../base/package-root.ts";
import type { Connection } from "../services/database/database.ts";
import { ormTable } from "./table.ts";

export interface OrmOptions {
  connection: Connection;
  /** Of the migrations. */
  folder: string;
  workspace: string;
  entities: readonly EntitySchema[];
  /** Schemas in the database that are none of the application's: a difference must not drop them. */
  foreignSchemas: readonly string[];
  /** Told each statement that the database refused. */
  onStatementFailed?: (sql: string) => void;
}

// Entities and migrations must meet the MikroORM that runs them, wherever this xcore is installed.
const door = [packageFile("src", "orm.ts"), packageFile("dist", "orm.js")].find((file) => existsSync(file));
registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === "xcore/orm" && door !== undefined ? pathToFileURL(door).href : specifier, context),
});

class MigrationGenerator extends TSMigrationGenerator {
  override generateMigrationFile(
    ...given: Parameters<TSMigrationGenerator["generateMigrationFile"]>
  ): string {
    return super.generateMigrationFile(...given).replace("'@mikro-orm/migrations'", '"xcore/orm"');
  }
}

export async function openOrm(options: OrmOptions): Promise<MikroORM> {
  const { host, port, user, password, database, ssl } = options.connection;
  const settings: Options = {
    host,
    port,
    user,
    dbName: database,
    ...(password !== undefined && { password }),
    ...(ssl !== undefined && { driverOptions: { ssl } }),
    baseDir: options.workspace,
    entities: [...options.entities],
    schemaGenerator: { ignoreSchema: [...options.foreignSchemas] },
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    pool: { min: 0, max: 2 },
    loggerFactory: () => statementLog(options.onStatementFailed),
    migrations: {
      path: options.folder,
      pathTs: options.folder,
      tableName: ormTable,
      // Each migration stands alone: those before a failing one stay.
      allOrNothing: false,
      snapshot: false,
      silent: true,
      emit: "ts",
      generator: MigrationGenerator,
      fileName: (stamp, name) => `Migration${stamp}${name === undefined ? "" : `_${name}`}`,
    },
  };
  return MikroORM.init(settings);
}

/** Everything made with `defineEntity` that the files of these globs export. */
export async function loadEntities(globs: readonly string[]): Promise<EntitySchema[]> {
  const found = new Set<EntitySchema>();
  for (const pattern of globs) {
    for await (const file of glob(pattern)) {
      if (/\.d\.[cm]?ts$/.test(file)) continue;
      for (const value of Object.values(await importFile(file))) {
        const schema = EntitySchema.is(value) ? value : EntitySchema.REGISTRY.get(value as object);
        if (schema !== undefined) found.add(schema);
      }
    }
  }
  return [...found];
}

export async function importFile(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw new XcoreError("MIGRATION_FAILED", `${file} can't be loaded: ${messageOf(error)}`, {
      hint: "Node runs it as it is: entities are made with defineEntity, decorators and enums can't be run.",
      details: { file },
      cause: error,
    });
  }
}

type Query = ReturnType<Migration["getQueries"]>[number];

/** The statements of one part of a migration. It is run for that, in a transaction that can't write and is rolled back. */
export async function sqlOf(orm: MikroORM, file: string, way: "up" | "down"): Promise<string[]> {
  const Found = Object.values(await importFile(file)).find(isMigration);
  if (Found === undefined) throw new Error("it exports no class that extends Migration");
  const driver = orm.em.getDriver();
  const migration = new Found(driver, orm.config);
  const statements: string[] = [];
  const textOf = (query: Query, params: readonly unknown[] = []): string => {
    if (typeof query === "string") return driver.getPlatform().formatQuery(query, params);
    const { sql, params: own } = "compile" in query ? query.compile() : query;
    return driver.getPlatform().formatQuery(sql, own);
  };
  const em = orm.em.fork();
  await em.begin();
  try {
    await em.getConnection().execute("set transaction read only", [], "run", em.getTransactionContext());
    migration.setTransactionContext(em.getTransactionContext());
    const execute = migration.execute.bind(migration);
    migration.execute = async (query: Query, params?: unknown[]) => {
      const text = textOf(query, params);
      statements.push(text);
      return /^\s*(select|with|values|show)\b/i.test(text) ? execute(query, params) : [];
    };
    await migration[way]();
    return [...statements, ...migration.getQueries().map((query) => textOf(query))];
  } finally {
    await em.rollback();
  }
}

function isMigration(
  value: unknown,
): value is new (...given: ConstructorParameters<typeof Migration>) => Migration {
  return typeof value === "function" && value.prototype instanceof Migration;
}

/** MikroORM's errors do not say which statement failed; its log does. */
function statementLog(onFailed: (sql: string) => void = () => undefined): Logger {
  return {
    log: () => undefined,
    error: () => undefined,
    warn: () => undefined,
    setDebugMode: () => undefined,
    isEnabled: (namespace) => namespace === "query",
    logQuery: ({ level, query }) => {
      if (level === "error" && query !== undefined) onFailed(query);
    },
  };
}

/** The schemas that entities name beside the default one. */
export function schemasOf(entities: readonly EntitySchema[]): string[] {
  return entities.flatMap(({ meta }) => (meta.schema === undefined ? [] : [meta.schema]));
}

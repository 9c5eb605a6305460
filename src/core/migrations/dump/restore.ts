// Brings a dump back: the tables by the migrations that were applied when it was made, then the rows, then the later migrations.
import { Client } from "pg";
import { XcoreError } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import type { MigrationSession } from "../session.ts";
import type { MigrationTarget } from "../target.ts";
import { DumpReader, type DumpHead, type DumpTarget } from "./format.ts";
import { loadRows, type LoadReport } from "./load.ts";
import { assertDumps, emptySchemas, plainSession, pluginsWithData, schemasOfTarget } from "./schemas.ts";

export interface RestoreReport extends LoadReport {
  readonly targets: readonly string[];
}

/** What a dump says it holds. Throws `INPUT_INVALID` unless it is a dump and whole. */
export async function inspectDump(file: string): Promise<DumpHead> {
  const { reader, head } = await DumpReader.open(file);
  try {
    for (let line = await reader.statement(); line !== undefined; line = await reader.statement())
      if (line.startsWith("copy ")) for await (const _rows of reader.rows());
    return head;
  } finally {
    await reader.close();
  }
}

/** Replaces the data of everything that is in the dump, and of nothing else. All that can be checked is checked before. */
export async function restoreDatabase(
  session: MigrationSession,
  { config, file }: { config: Config; file: string },
): Promise<RestoreReport> {
  assertDumps(session.database);
  const { targets } = await inspectDump(file);
  const wanted = await Promise.all(
    targets.map(async (one) => ({ ...one, migrationsOf: await migrationsOf(session, one) })),
  );
  const schemas: string[] = [];
  for (const { target, migrations, migrationsOf: files } of wanted) {
    schemas.push(...(await empty(session, config, target)));
    await files.up({ only: migrations.map(({ name }) => name) });
  }
  const client = await connect(session);
  const { reader } = await DumpReader.open(file);
  let loaded: LoadReport;
  try {
    await plainSession(client);
    loaded = await loadRows(client, reader, schemas);
  } finally {
    await reader.close();
    await client.end().catch(() => undefined);
  }
  for (const { migrationsOf: files } of wanted) await files.up();
  return { targets: targets.map(({ target }) => target), ...loaded };
}

/** Empties the application and every plugin, or one plugin, and runs the migrations anew; returns whose data is gone. */
export async function resetDatabase(
  session: MigrationSession,
  { config, plugin }: { config: Config; plugin: string | undefined },
): Promise<string[]> {
  const targets = plugin === undefined ? session.all : [session.target(plugin)];
  const names = targets.map(({ name }) => name);
  if (plugin === undefined) {
    const left = (await pluginsWithData(session.database)).filter((name) => !names.includes(name));
    for (const name of left) await session.database.removePlugin(name);
    names.push(...left);
    await session.database.pool.query(
      "do $$ begin if to_regclass('xcore.jobs') is not null then truncate xcore.jobs; end if; end $$",
    );
  }
  for (const target of targets) {
    await empty(session, config, target.name);
    await target.up();
  }
  return names;
}

async function empty(session: MigrationSession, config: Config, target: string): Promise<string[]> {
  const schemas = await schemasOfTarget(target, config);
  if (target !== "application") await session.database.provision(target);
  const client = await connect(session);
  try {
    await emptySchemas(client, target, schemas);
  } finally {
    await client.end().catch(() => undefined);
  }
  return schemas;
}

async function connect(session: MigrationSession): Promise<Client> {
  const client = new Client({ ...session.database.connection, application_name: "xcore restore" });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** The files by which its tables come back: all must be there, saying what they said. */
async function migrationsOf(
  session: MigrationSession,
  { target, migrations }: DumpTarget,
): Promise<MigrationTarget> {
  const found = target === "application" ? session.application : session.target(target);
  const files = await found.files();
  for (const { name, checksum } of migrations) {
    const file = files.find((one) => one.name === name);
    if (file !== undefined && (checksum === "" || file.checksum === checksum)) continue;
    const what = file === undefined ? "is not there" : "says something else now";
    throw new XcoreError(
      "MIGRATION_CHANGED",
      `${target}: the dump was made with migration ${name} applied, and its file ${what}`,
      {
        hint: "Restore with the code the dump was made with; later migrations run afterwards.",
        details: { target, migration: name },
      },
    );
  }
  return found;
}

// A plugin's SQL migrations in its own schema, run as its own role: they can reach nothing that the plugin can't.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode, XcoreError } from "../base/error.ts";
import type { DatabaseService } from "../services/database/database.ts";
import { assertUnchanged, statusOf, stepsDown } from "./compare.ts";
import { exclusively } from "./exclusive.ts";
import { Ledger } from "./ledger.ts";
import { fileStamp, slug } from "./names.ts";
import { runSql } from "./run-sql.ts";
import { readSqlFiles, type SqlFile } from "./sql-file.ts";
import type { CreateOptions, CreateResult, Migration, MigrationTarget, PlannedMigration } from "./target.ts";

export interface PluginMigrationsOptions {
  plugin: string;
  /** The folder of its SQL files, absolute; it may be absent. */
  folder: string;
}

/** Looking for what is pending costs a look at the folder and one query. */
export function pluginMigrations(
  database: DatabaseService,
  options: PluginMigrationsOptions,
): MigrationTarget {
  return new PluginMigrations(database, options);
}

class PluginMigrations implements MigrationTarget {
  readonly kind = "plugin";
  readonly name: string;
  readonly #database: DatabaseService;
  readonly #folder: string;
  readonly #ledger: Ledger;

  constructor(database: DatabaseService, { plugin, folder }: PluginMigrationsOptions) {
    this.name = plugin;
    this.#database = database;
    this.#folder = folder;
    this.#ledger = new Ledger(database.pool, plugin);
  }

  async status(): Promise<Migration[]> {
    const [files, applied] = await Promise.all([readSqlFiles(this.#folder), this.#ledger.applied()]);
    return statusOf(files, applied);
  }

  files(): Promise<readonly SqlFile[]> {
    return readSqlFiles(this.#folder);
  }

  async up({ only }: { only?: readonly string[] } = {}): Promise<string[]> {
    const before = await this.status();
    this.#assertUnchanged(before);
    if (!before.some((one) => one.state === "pending")) return [];
    return exclusively(this.#database, this.name, async () => {
      await this.#ledger.settle();
      const files = await readSqlFiles(this.#folder);
      const migrations = statusOf(files, await this.#ledger.applied());
      this.#assertUnchanged(migrations);
      const done: string[] = [];
      const wanted = migrations.filter(
        ({ name, state }) => state === "pending" && (only?.includes(name) ?? true),
      );
      for (const { name } of wanted) {
        const file = files.find((one) => one.name === name);
        if (file !== undefined) await this.#apply(file);
        done.push(name);
      }
      return done;
    });
  }

  async down({ to }: { to?: string } = {}): Promise<string[]> {
    return exclusively(this.#database, this.name, async () => {
      await this.#ledger.settle();
      const files = await readSqlFiles(this.#folder);
      const names = stepsDown(this.name, await this.#ledger.applied(), to);
      const steps = names.map((name) => this.#undoable(name, files));
      for (const step of steps) await this.#undo(step);
      return names;
    });
  }

  async plan(way: "up" | "down", { to }: { to?: string } = {}): Promise<PlannedMigration[]> {
    const [files, applied] = await Promise.all([readSqlFiles(this.#folder), this.#ledger.applied()]);
    const migrations = statusOf(files, applied);
    this.#assertUnchanged(migrations);
    const steps =
      way === "down"
        ? stepsDown(this.name, applied, to).map((name) => this.#undoable(name, files))
        : files
            .filter(({ name }) => migrations.some((one) => one.name === name && one.state === "pending"))
            .map((file) => ({ file, statements: file.up }));
    return steps.map(({ file, statements }) => ({
      name: file.name,
      statements: statements.map(({ text }) => text),
    }));
  }

  async drift(): Promise<readonly string[]> {
    return [];
  }

  async create({ name }: CreateOptions): Promise<CreateResult> {
    await mkdir(this.#folder, { recursive: true });
    const file = join(this.#folder, `${fileStamp()}_${slug(name)}.sql`);
    try {
      await writeFile(file, "-- migrate:up\n\n\n-- migrate:down\n\n", { flag: "wx" });
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
      throw new XcoreError("FOLDER_NOT_EMPTY", `${file} exists already`, { hint: "Choose another name." });
    }
    return { file, statements: [] };
  }

  #assertUnchanged(migrations: readonly Migration[]): void {
    assertUnchanged(migrations, {
      owner: `plugin '${this.name}'`,
      folder: this.#folder,
      undo: `xcore migrate down --plugin ${this.name}`,
    });
  }

  async #apply(file: SqlFile): Promise<void> {
    if (this.#database.single === true) {
      await runSql({ ...(await this.#runOptions(file)), statements: file.up });
      await this.#ledger.record(file.name, file.checksum);
      return;
    }
    await runSql({
      ...(await this.#runOptions(file)),
      statements: file.up,
      beforeCommit: (xid) => this.#ledger.announce({ name: file.name, checksum: file.checksum, xid }),
    }).catch(async (error: unknown) => {
      await this.#ledger.settle().catch(() => undefined);
      throw error;
    });
    await this.#ledger.confirm(file.name);
  }

  async #undo({ file, statements }: { file: SqlFile; statements: SqlFile["up"] }): Promise<void> {
    if (this.#database.single === true) {
      await runSql({ ...(await this.#runOptions(file)), statements });
      await this.#ledger.remove(file.name);
      return;
    }
    await runSql({
      ...(await this.#runOptions(file)),
      statements,
      beforeCommit: (xid) => this.#ledger.announceRemoval(file.name, xid),
    }).catch(async (error: unknown) => {
      await this.#ledger.settle().catch(() => undefined);
      throw error;
    });
    await this.#ledger.remove(file.name);
  }

  async #runOptions(file: SqlFile) {
    return {
      what: `migration of plugin '${this.name}'`,
      connection: await this.#database.connectionOf(this.name),
      path: file.path,
      again: `xcore migrate --plugin ${this.name}`,
    };
  }

  #undoable(name: string, files: readonly SqlFile[]): { file: SqlFile; statements: SqlFile["up"] } {
    const file = files.find((one) => one.name === name);
    if (file?.down !== undefined) return { file, statements: file.down };
    const why =
      file === undefined ? `its file is missing in ${this.#folder}` : "it has no '-- migrate:down' part";
    throw new XcoreError(
      "MIGRATION_FAILED",
      `plugin '${this.name}': migration ${name} can't be undone: ${why}`,
      {
        hint:
          file === undefined
            ? "Bring the file back."
            : `Write what undoes it below '-- migrate:down' in ${file.path}.`,
        details: { migration: name },
      },
    );
  }
}

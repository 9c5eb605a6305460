// The application's own migrations: MikroORM's, in TypeScript, in its own table; checksums are kept beside.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, systemCode, XcoreError } from "../base/error.ts";
import type { Config } from "../config/config.ts";
import type { DatabaseService } from "../services/database/database.ts";
import { assertUnchanged, statusOf, stepsDown } from "./compare.ts";
import { createFromEntities, entityDrift } from "./entities.ts";
import { exclusively } from "./exclusive.ts";
import { Ledger, type Applied } from "./ledger.ts";
import { slug } from "./names.ts";
import { excerpt } from "./sql-statements.ts";
import type { CreateOptions, CreateResult, Migration, MigrationTarget, PlannedMigration } from "./target.ts";

export function applicationMigrations(database: DatabaseService, config: Config): MigrationTarget {
  return new ApplicationMigrations(database, config);
}

interface CodeFile {
  readonly name: string;
  readonly path: string;
  readonly checksum: string;
}

/** No plugin can have this name. */
const ledgerOwner = "";

class ApplicationMigrations implements MigrationTarget {
  readonly kind = "application";
  readonly name = "application";
  readonly #database: DatabaseService;
  readonly #config: Config;
  readonly #ledger: Ledger;

  constructor(database: DatabaseService, config: Config) {
    this.#database = database;
    this.#config = config;
    this.#ledger = new Ledger(database.pool, ledgerOwner);
  }

  async status(): Promise<Migration[]> {
    const [files, applied] = await Promise.all([this.#files(), this.#applied()]);
    return statusOf(files, withChecksums(applied, files));
  }

  files(): Promise<readonly CodeFile[]> {
    return this.#files();
  }

  async up({ only }: { only?: readonly string[] } = {}): Promise<string[]> {
    const before = await this.status();
    this.#assertUnchanged(before);
    if (!before.some((one) => one.state === "pending")) return [];
    return exclusively(this.#database, this.name, async () => {
      const migrations = await this.status();
      this.#assertUnchanged(migrations);
      const pending = migrations
        .filter(({ name, state }) => state === "pending" && (only?.includes(name) ?? true))
        .map(({ name }) => name);
      const files = await this.#files();
      await this.#run("up", pending, async (name) => {
        const checksum = files.find((one) => one.name === name)?.checksum ?? "";
        await this.#ledger.record(name, checksum);
      });
      return pending;
    });
  }

  async down({ to }: { to?: string } = {}): Promise<string[]> {
    return exclusively(this.#database, this.name, async () => {
      const names = stepsDown(this.name, await this.#applied(), to);
      const files = await this.#files();
      const gone = names.find((name) => !files.some((file) => file.name === name));
      if (gone !== undefined) {
        throw new XcoreError(
          "MIGRATION_FAILED",
          `migration ${gone} can't be undone: its file is missing in ${this.#folder}`,
          {
            hint: "Bring the file back.",
            details: { migration: gone },
          },
        );
      }
      await this.#run("down", names, (name) => this.#ledger.remove(name));
      return names;
    });
  }

  async create({ name, empty }: CreateOptions): Promise<CreateResult> {
    const words = name === undefined ? undefined : slug(name);
    const pending = (await this.status()).find((one) => one.state === "pending");
    if (!empty && pending !== undefined) {
      throw new XcoreError(
        "MIGRATION_PENDING",
        `migration ${pending.name} is not applied yet: the difference would hold it again`,
        {
          hint: "Run xcore migrate first, or write an empty one with --empty.",
          details: { migration: pending.name },
        },
      );
    }
    return createFromEntities({ database: this.#database, config: this.#config }, { words, empty });
  }

  async plan(way: "up" | "down", { to }: { to?: string } = {}): Promise<PlannedMigration[]> {
    const migrations = await this.status();
    this.#assertUnchanged(migrations);
    const names =
      way === "up"
        ? migrations.filter(({ state }) => state === "pending").map(({ name }) => name)
        : stepsDown(this.name, await this.#applied(), to);
    if (names.length === 0) return [];
    const files = await this.#files();
    const { openOrm, sqlOf } = await import("./orm.ts");
    const orm = await openOrm(this.#ormOptions());
    const planned: PlannedMigration[] = [];
    try {
      for (const name of names) {
        const path = files.find((file) => file.name === name)?.path ?? join(this.#folder, name);
        const statements = await sqlOf(orm, path, way).catch((error: unknown) => {
          throw failed({ way, path, statement: "" }, error);
        });
        planned.push({ name, statements });
      }
      return planned;
    } finally {
      await orm.close(true);
    }
  }

  drift(): Promise<string[]> {
    return entityDrift({ database: this.#database, config: this.#config });
  }

  get #folder(): string {
    return this.#config.migrations.folder;
  }

  #ormOptions() {
    return {
      connection: this.#database.connection,
      folder: this.#folder,
      workspace: this.#config.workspace,
      entities: [],
      foreignSchemas: [],
    };
  }

  #assertUnchanged(migrations: readonly Migration[]): void {
    assertUnchanged(migrations, {
      owner: "the application",
      folder: this.#folder,
      undo: "xcore migrate down",
    });
  }

  /** One after another, each in a transaction of its own; `after` writes down what is done. */
  async #run(
    way: "up" | "down",
    names: readonly string[],
    after: (name: string) => Promise<void>,
  ): Promise<void> {
    if (names.length === 0) return;
    const { openOrm } = await import("./orm.ts");
    let refused = "";
    const orm = await openOrm({ ...this.#ormOptions(), onStatementFailed: (sql) => (refused = sql) });
    try {
      for (const name of names) {
        await orm.migrator[way]({ migrations: [name] }).catch((error: unknown) => {
          throw failed({ way, path: join(this.#folder, name), statement: refused }, error);
        });
        await after(name);
      }
    } finally {
      await orm.close(true);
    }
  }

  async #files(): Promise<CodeFile[]> {
    const names = await readdir(this.#folder).catch((error: unknown) => {
      if (systemCode(error) === "ENOENT") return [];
      throw error;
    });
    const wanted = names.filter((name) => /\.(ts|js)$/.test(name) && !name.endsWith(".d.ts")).sort();
    return Promise.all(
      wanted.map(async (file) => {
        const path = join(this.#folder, file);
        return {
          name: file.replace(/\.(ts|js)$/, ""),
          path,
          checksum: checksumOf(await readFile(path, "utf8")),
        };
      }),
    );
  }

  /** MikroORM's table tells what is applied; the ledger adds the checksums. */
  async #applied(): Promise<Applied[]> {
    const { rows } = await this.#database.pool
      .query<{ name: string; executed_at: Date; checksum: string | null }>(
        `select m.name, m.executed_at, l.checksum from mikro_orm_migrations m
         left join xcore.migrations l on l.plugin = $1 and l.name = m.name order by m.id`,
        [ledgerOwner],
      )
      .catch((error: unknown) => {
        // 42P01: MikroORM has not made its table yet.
        if (error instanceof Error && "code" in error && error.code === "42P01") return { rows: [] };
        throw error;
      });
    return rows.map(({ name, executed_at, checksum }) => ({
      name,
      checksum: checksum ?? "",
      appliedAt: executed_at.toISOString(),
    }));
  }
}

/** One that was applied without xcore, or whose checksum a crash kept from being written, counts as it is now. */
function withChecksums(applied: readonly Applied[], files: readonly CodeFile[]): Applied[] {
  return applied.map((one) => {
    const file = files.find(({ name }) => name === one.name);
    return one.checksum === "" && file !== undefined ? { ...one, checksum: file.checksum } : one;
  });
}

/** A formatter may lay a file out anew, with other quotes; only what it says counts. */
function checksumOf(source: string): string {
  return createHash("sha256")
    .update(source.replaceAll(/[\s"'`;,]/g, ""))
    .digest("hex");
}

interface Failing {
  way: "up" | "down";
  path: string;
  /** Empty when it was not a statement that failed. */
  statement: string;
}

function failed({ way, path, statement }: Failing, error: unknown): XcoreError {
  const { detail, hint, code } = error as { detail?: string; hint?: string; code?: string };
  const said = [messageOf(error).trim(), detail, hint].filter((part) => part !== undefined && part !== "");
  const where = statement === "" ? "" : `\n  in: ${excerpt(statement)}`;
  return new XcoreError("MIGRATION_FAILED", `migration ${path} (${way}) failed: ${said.join("; ")}${where}`, {
    hint: "Nothing of this migration was kept. Correct it and run it again.",
    details: { file: path, statement: excerpt(statement), sqlstate: code ?? null },
    cause: error,
  });
}

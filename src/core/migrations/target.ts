// What has migrations: the application, and each plugin with a schema. One interface for both.

export interface Migration {
  /** The file's name without its ending. */
  readonly name: string;
  /** `changed`: applied, and its file says something else since. `missing`: applied, and its file is gone. */
  readonly state: "applied" | "pending" | "changed" | "missing";
  /** ISO 8601; null while it is pending. */
  readonly appliedAt: string | null;
}

export interface PlannedMigration {
  readonly name: string;
  readonly statements: readonly string[];
}

export interface CreateOptions {
  /** Words for the file's name; letters, digits, `-` and `_`. */
  readonly name: string | undefined;
  /** Do not compare entities and database: write an empty migration. A plugin's is always empty. */
  readonly empty: boolean;
}

/** `file` is undefined when entities and database do not differ: there is nothing to write. */
export interface CreateResult {
  readonly file: string | undefined;
  readonly statements: readonly string[];
}

export interface MigrationTarget {
  /** `application`, or the plugin's name. */
  readonly name: string;
  readonly kind: "application" | "plugin";
  /** In the order they run; missing ones last. Changes nothing. */
  status(): Promise<Migration[]>;
  /** The files there are, in the order they run. */
  files(): Promise<readonly { readonly name: string; readonly checksum: string }[]>;
  /**
   * Applies what is pending (of `only` these), each in a transaction of its own; returns their names. Of two at once, one waits.
   * Throws `MIGRATION_CHANGED` before anything is run, `MIGRATION_FAILED` with file, line and statement.
   */
  up(options?: { only?: readonly string[] }): Promise<string[]>;
  /** Undoes the last one, or all after `to` (`0`: all); returns their names, in the order they were undone. */
  down(options?: { to?: string }): Promise<string[]>;
  /** What `up` or `down` would run, with its SQL; runs nothing. */
  plan(way: "up" | "down", options?: { to?: string }): Promise<PlannedMigration[]>;
  /** The SQL by which entities and database differ. A plugin has no entities: none. */
  drift(): Promise<readonly string[]>;
  create(options: CreateOptions): Promise<CreateResult>;
}

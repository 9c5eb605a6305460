// Where updates are tried: repositories behind a git server, a project, and the calls with what they need.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readMigrations } from "../../../../src/core/plugin-schemas.ts";
import { addPlugin } from "../../../../src/core/plugins/installer/add.ts";
import type { PluginSchemas } from "../../../../src/core/plugins/installer/data.ts";
import { rollbackPlugin, type RollbackOptions } from "../../../../src/core/plugins/installer/rollback.ts";
import {
  updatePlugins,
  type UpdateOptions,
  type UpdateReport,
} from "../../../../src/core/plugins/installer/update.ts";
import { readLock } from "../../../../src/core/plugins/lock.ts";
import { openGitServer } from "./git-server.ts";
import { makeProject, makeRepository, type Files, type Project } from "./workspace.ts";

export const trial = async (): Promise<void> => undefined;
const refuse = async (): Promise<never> => {
  throw new Error("nobody was to be asked");
};
export const database = "permissions: { database: true }\n";
export const migration = (statement: string): string =>
  `-- migrate:up\n${statement};\n-- migrate:down\nselect 1;\n`;

/** A database as far as migrations go: names by plugin. */
export function schemas(applied: string[]): () => Promise<PluginSchemas> {
  return async () => ({
    applied: async (plugin) => (applied.length === 0 ? [] : [{ owner: plugin, names: [...applied] }]),
    apply: async () => assert.fail("the server does that"),
    undo: async (_plugin, folder, to) => {
      assert.ok(existsSync(folder));
      applied.length = to === "0" ? 0 : applied.indexOf(to) + 1;
    },
    [Symbol.asyncDispose]: async () => undefined,
  });
}

export interface Repositories extends AsyncDisposable {
  /** A repository of its own, its folder and its address. */
  make(files: Files): { folder: string; url: string };
}

export async function openRepositories(): Promise<Repositories> {
  const served = await makeProject();
  const server = await openGitServer({ root: served.place("served") });
  let made = 0;
  return {
    make(files) {
      const name = `r${(made += 1)}`;
      return { folder: makeRepository(served.place(`served/${name}`), files), url: `${server.url}/${name}` };
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await served[Symbol.asyncDispose]();
    },
  };
}

export const install = (project: Project, source: string) =>
  addPlugin({ config: project.config, source, cwd: project.folder, consent: async () => true, trial });

export const update = (project: Project, options: Partial<UpdateOptions> = {}): Promise<UpdateReport> =>
  updatePlugins({
    config: project.config,
    names: [],
    consent: refuse,
    breakDependants: false,
    readMigrations,
    trial,
    ...options,
  });

export const rollback = (project: Project, options: Partial<RollbackOptions> = {}) =>
  rollbackPlugin({
    config: project.config,
    name: "notes",
    undoMigrations: false,
    breakDependants: false,
    readMigrations,
    openSchemas: schemas([]),
    trial,
    ...options,
  });

export async function entryOf(project: Project, name = "notes") {
  const entry = (await readLock(project.folder)).plugins[name];
  assert.ok(entry !== undefined);
  return entry;
}

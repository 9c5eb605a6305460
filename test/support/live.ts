// A running server whose plugins come from repositories beside it: added, updated and taken back as the command line does it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../src/core/base/log.ts";
import { readConfig } from "../../src/core/config/read.ts";
import type { Config } from "../../src/core/config/config.ts";
import { openCore } from "../../src/core/core.ts";
import { openPluginSchemas, readMigrations } from "../../src/core/plugin-schemas.ts";
import { addPlugin } from "../../src/core/plugins/installer/add.ts";
import type { ServerOutcome } from "../../src/core/plugins/installer/context.ts";
import { rollbackPlugin } from "../../src/core/plugins/installer/rollback.ts";
import { updatePlugins } from "../../src/core/plugins/installer/update.ts";
import { readLock } from "../../src/core/plugins/lock.ts";
import { makeRepository } from "../core/plugins/installer/workspace.ts";
import { giveDatabase } from "./database-template.ts";
import { keptLog, testWorkspace, type LogLine } from "./workspace.ts";

const token = "test-token-test-token-test-token";

/** Of a plugin: `code` is the inside of definePlugin. */
export const files = (
  name: string,
  version: string,
  code: string,
  manifest = "",
): Record<string, string> => ({
  "plugin.yaml": `name: ${name}\nversion: ${version}\n${manifest}`,
  "src/index.ts": `import { definePlugin } from "xcore/plugin";\nexport default definePlugin({ ${code} });\n`,
});
export const answering = (text: string): string => `routes: { "GET /": () => ${JSON.stringify(text)} }`;

export interface Live extends AsyncDisposable {
  config: Config;
  address: string;
  log: LogLine[];
  /** A new repository beside the project. */
  repository(files: Record<string, string>): string;
  sync(): Promise<ServerOutcome>;
  version(name: string): Promise<string | undefined>;
}

/** `probationMs`: how long a new revision is watched; a minute by default. */
export async function openLive(probationMs?: number): Promise<Live> {
  await using opening = new AsyncDisposableStack();
  const workspace = opening.use(await testWorkspace());
  const sources = await mkdtemp(join(tmpdir(), "xcore-live-"));
  opening.defer(() => rm(sources, { recursive: true, force: true }));
  const config = await readConfig({ workspace: workspace.folder, env: {} });
  await giveDatabase(config.stateFolder);
  const logger = keptLog();
  const core = opening.use(
    await openCore({ config, logger, ...(probationMs === undefined ? {} : { probationMs }) }),
  );
  const opened = opening.move();
  let made = 0;
  return {
    config,
    address: core.address,
    log: logger.lines,
    repository: (given) => makeRepository(join(sources, `r${(made += 1)}`), given),
    async sync() {
      const answer = await fetch(`${core.address}/_xcore/plugins/sync`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
      });
      return (await answer.json()) as ServerOutcome;
    },
    version: async (name) => (await readLock(workspace.folder)).plugins[name]?.version,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

const consent = async (): Promise<boolean> => true;

export const add = (live: Live, source: string) =>
  addPlugin({ config: live.config, source, cwd: live.config.workspace, consent, notify: () => live.sync() });

export const update = (live: Live) =>
  updatePlugins({
    config: live.config,
    names: [],
    consent,
    breakDependants: false,
    readMigrations,
    openSchemas: () => openPluginSchemas(live.config, silentLogger),
    notify: () => live.sync(),
  });

export const rollback = (live: Live, name: string) =>
  rollbackPlugin({
    config: live.config,
    name,
    undoMigrations: true,
    breakDependants: false,
    readMigrations,
    openSchemas: () => openPluginSchemas(live.config, silentLogger),
    notify: () => live.sync(),
  });

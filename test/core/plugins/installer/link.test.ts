// Linked plugins: used where they are worked on, said to be so everywhere, and not loaded in production unless the lock says it.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readConfig } from "../../../../src/core/config/read.ts";
import { openCore } from "../../../../src/core/core.ts";
import { addPlugin } from "../../../../src/core/plugins/installer/add.ts";
import { verifyPlugins } from "../../../../src/core/plugins/installer/check-installed.ts";
import { inventory } from "../../../../src/core/plugins/installer/inventory.ts";
import { linkPlugin, unlinkPlugin, type LinkOptions } from "../../../../src/core/plugins/installer/link.ts";
import { removePlugin } from "../../../../src/core/plugins/installer/remove.ts";
import { installedPlugins } from "../../../../src/core/plugins/installed.ts";
import { readLock } from "../../../../src/core/plugins/lock.ts";
import { keptLog, until } from "../../../support/workspace.ts";
import { makeProject, pluginFiles, write, type Project } from "./workspace.ts";

const link = (project: Project, options: Partial<LinkOptions> = {}) =>
  linkPlugin({
    config: project.config,
    cwd: project.folder,
    folder: "../notes",
    production: false,
    ...options,
  });

describe("a linked plugin", () => {
  test("takes the place of an installed one until it is unlinked, and says where it is", async () => {
    await using project = await makeProject();
    const { config } = project;
    write(project.place("released"), pluginFiles("notes"));
    write(project.place("notes"), pluginFiles("notes", "permissions: { cache: true }\n", "2.0.0-dev"));
    await addPlugin({
      config,
      cwd: project.folder,
      source: "../released",
      consent: async () => true,
      trial: async () => undefined,
    });
    const { instead, folder } = await link(project);
    assert.deepEqual([instead, folder], ["1.0.0", "../notes"]);
    const [entry] = await inventory(config);
    assert.partialDeepStrictEqual(entry, {
      name: "notes",
      version: "2.0.0-dev",
      source: "linked",
      origin: "linked: ../notes",
      fault: null,
    });
    const { findings } = await verifyPlugins({ config, frozen: true });
    assert.deepEqual(
      findings.map(({ rule, plugin }) => [rule, plugin]),
      [["linked", "notes"]],
    );
    await assert.rejects(
      removePlugin({
        config,
        name: "notes",
        data: "keep",
        openData: () => Promise.reject(new Error("none")),
      }),
      { code: "FORBIDDEN", hint: /xcore plugin unlink notes/ },
    );
    assert.deepEqual(await unlinkPlugin({ config, name: "notes" }), { name: "notes", now: "1.0.0" });
    assert.equal((await inventory(config))[0]?.source, "installed");
    await assert.rejects(unlinkPlugin({ config, name: "notes" }), { code: "PLUGIN_NOT_FOUND" });
  });

  test("is not loaded in production, unless its link says so", async () => {
    await using project = await makeProject();
    write(project.place("notes"), pluginFiles("notes"));
    await link(project);
    const production = await readConfig({ workspace: project.folder, env: { NODE_ENV: "production" } });
    const [refused] = await inventory(production);
    assert.equal(refused?.fault?.code, "FORBIDDEN");
    assert.match(refused?.fault?.message ?? "", /is linked to \.\.\/notes, which is for development/);
    assert.equal((await inventory(project.config))[0]?.fault, null);
    await link(project, { production: true });
    assert.equal((await inventory(production))[0]?.fault, null);

    write(project.place("released"), pluginFiles("notes", "", "1.5.0"));
    await link(project);
    await unlinkPlugin({ config: project.config, name: "notes" });
    await addPlugin({
      config: project.config,
      cwd: project.folder,
      source: "../released",
      consent: async () => true,
      trial: async () => undefined,
    });
    await link(project);
    assert.equal(
      (await installedPlugins(production))[0]?.linked,
      undefined,
      "production has the installed one",
    );
  });

  test("needs a plugin.yaml, and a name that the project's own plugins do not have", async () => {
    await using project = await makeProject();
    mkdirSync(project.place("empty"));
    await assert.rejects(link(project, { folder: "../empty" }), { code: "MANIFEST_INVALID" });
    write(project.place("notes"), pluginFiles("notes"));
    write(join(project.folder, "plugins/notes"), pluginFiles("notes"));
    await assert.rejects(link(project), { code: "PLUGIN_EXISTS", message: /plugins\/notes/ });
    assert.equal((await readLock(project.folder)).links, undefined);
  });

  test("is mounted by a running server, and reloaded as it is saved", async () => {
    await using project = await makeProject("name: shop\nserver: { port: 0 }\n");
    write(project.place("notes"), pluginFiles("notes"));
    const logger = keptLog();
    await using core = await openCore({ config: project.config, logger, watch: true });
    const text = async (): Promise<string> => (await fetch(`${core.address}/app/notes/`)).text();
    await link(project);
    await until(text, (found) => found === "hello from notes 1.0.0");
    let asked = 0;
    await until(
      () => {
        // What is saved before the new folder is watched is not seen: it is saved again now and then.
        if (asked % 100 === 0)
          write(project.place("notes"), { "src/greeting.ts": 'export const greeting = "saved";\n' });
        asked += 1;
        return text();
      },
      (found) => found === "saved",
    );
    const [status] = (await core.status()).plugins;
    assert.equal(status?.source, "linked");
    await unlinkPlugin({ config: project.config, name: "notes" });
    await until(
      async () => (await fetch(`${core.address}/app/notes/`)).status,
      (found) => found === 404,
    );
  });
});

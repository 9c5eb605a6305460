// npm packages as plugins: from the registry npm would ask, pinned by digest, with no script run and no name confused.
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { addPlugin, type AddOptions } from "../../../../src/core/plugins/installer/add.ts";
import { readNpmrc } from "../../../../src/core/plugins/installer/npmrc.ts";
import { removePlugin } from "../../../../src/core/plugins/installer/remove.ts";
import { syncPlugins } from "../../../../src/core/plugins/installer/sync.ts";
import { readLock, storeFolder } from "../../../../src/core/plugins/lock.ts";
import { openRegistry, type Package, type Registry } from "./npm-registry.ts";
import { makeProject, pluginFiles, write, type Project } from "./workspace.ts";

const release = (name: string, version: string): Package => ({
  version,
  files: {
    ...pluginFiles(name, "", version),
    "package.json": JSON.stringify({ scripts: { preinstall: "touch ran", prepare: "touch ran" } }),
  },
});

describe("an npm package", () => {
  let registry: Registry;
  before(async () => {
    registry = await openRegistry({
      notes: [release("notes", "1.0.0"), release("notes", "1.4.0"), release("notes", "2.0.0")],
      "@acme/tools": release("tools", "1.0.0"),
      "not-a-plugin": { version: "1.0.0", files: { "index.js": "1" } },
    });
  });
  after(async () => registry?.[Symbol.asyncDispose]());

  const projectWith = async (npmrc = `registry=${registry.url}\n`): Promise<Project> => {
    const project = await makeProject();
    write(project.folder, { ".npmrc": npmrc });
    return project;
  };
  const env = { PATH: process.env["PATH"], HOME: "/nonexistent" };
  const add = (project: Project, source: string, options: Partial<AddOptions> = {}) =>
    addPlugin({
      config: project.config,
      source,
      env,
      consent: async () => true,
      trial: async () => undefined,
      ...options,
    });

  test("is fetched as a tarball: the newest, a range, a version or a tag; pinned, and no script of it is run", async () => {
    for (const [written, version] of [
      ["npm:notes", "2.0.0"],
      ["npm:notes@^1.0.0", "1.4.0"],
      ["npm:notes@1.0.0", "1.0.0"],
      ["npm:notes@latest", "2.0.0"],
    ] as const) {
      await using project = await projectWith();
      const { entry } = await add(project, written);
      assert.partialDeepStrictEqual(
        { ...entry.source },
        { type: "npm", name: "notes", release: version, registry: `${registry.url}/` },
      );
      const folder = storeFolder(project.config.stateFolder, "notes", entry);
      assert.ok(existsSync(join(folder, "plugin.yaml")) && !existsSync(join(folder, "ran")));
      const again = await readLock(project.folder);
      assert.deepEqual({ ...again.plugins["notes"]?.source }, entry.source);
    }
  });

  test("comes back from its lock without a network, and from the registry only as what is pinned", async () => {
    await using project = await projectWith();
    const { entry } = await add(project, "npm:notes@^1.0.0");
    const folder = storeFolder(project.config.stateFolder, "notes", entry);
    rmSync(folder, { recursive: true });
    const asked = registry.requests.length;
    const { config } = project;
    const trial = async (): Promise<void> => undefined;
    assert.deepEqual((await syncPlugins({ config, env, trial })).fetched, ["notes"]);
    assert.equal(registry.requests.length, asked);

    for (const [tampered, code] of [
      [false, undefined],
      [true, "LOCK_MISMATCH"],
    ] as const) {
      await using other = await openRegistry(
        { notes: release("notes", "1.4.0") },
        tampered ? { tamper: (tarball) => Buffer.concat([tarball, Buffer.from("x")]) } : {},
      );
      write(project.folder, { ".npmrc": `registry=${other.url}\n` });
      rmSync(config.stateFolder, { recursive: true });
      const report = await syncPlugins({ config, env, trial });
      assert.equal(report.failed[0]?.code, code);
    }
  });

  test("whose tarball is not what its registry promises is refused", async () => {
    await using liar = await openRegistry(
      { notes: release("notes", "1.0.0") },
      { tamper: (tarball) => Buffer.concat([tarball, Buffer.from("x")]) },
    );
    await using project = await projectWith(`registry=${liar.url}\n`);
    const before = project.snapshot();
    await assert.rejects(add(project, "npm:notes"), { code: "LOCK_MISMATCH", message: /another digest/ });
    assert.deepEqual(project.snapshot(), before);
  });

  test("of a scope comes from the registry that the scope was first approved from, and from no other", async () => {
    await using evil = await openRegistry({ "@acme/tools": release("tools", "9.0.0") });
    await using project = await projectWith(`registry=${evil.url}\n@acme:registry=${registry.url}/\n`);
    await add(project, "npm:@acme/tools");
    const { config } = project;
    await removePlugin({
      config,
      name: "tools",
      data: "keep",
      openData: async () => {
        throw new Error("it has no data");
      },
    });
    write(project.folder, { ".npmrc": `registry=${evil.url}\n` });
    await assert.rejects(add(project, "npm:@acme/tools"), {
      code: "FORBIDDEN",
      message: /approved from http:\/\/127/,
      hint: /@acme:registry=/,
    });
    assert.deepEqual(evil.requests, []);
    assert.match(readFileSync(join(project.folder, "xcore.lock"), "utf8"), /scopes:\n {2}"@acme": http/);
  });

  test("of a private registry is fetched with the token of .npmrc, which goes nowhere else", async () => {
    await using locked = await openRegistry(
      { notes: release("notes", "1.0.0") },
      { authorization: "Bearer s3cret" },
    );
    const host = new URL(locked.url).host;
    await using project = await projectWith(
      `registry=${locked.url}\n//${host}/:_authToken=\${NOTES_TOKEN}\n`,
    );
    await assert.rejects(add(project, "npm:notes"), { code: "SOURCE_UNREACHABLE", hint: /token/ });
    assert.equal((await add(project, "npm:notes", { env: { ...env, NOTES_TOKEN: "s3cret" } })).name, "notes");
  });

  test("that is not there, has no such release or is no plugin is said to be so", async () => {
    await using project = await projectWith();
    await assert.rejects(add(project, "npm:nothing"), { code: "SOURCE_UNREACHABLE", message: /is not in/ });
    await assert.rejects(add(project, "npm:notes@^7"), {
      code: "SOURCE_INVALID",
      hint: /There are: 2\.0\.0, 1\.4\.0, 1\.0\.0/,
    });
    await assert.rejects(add(project, "npm:notes@constructor"), { code: "SOURCE_INVALID" });
    await assert.rejects(add(project, "npm:not-a-plugin"), { code: "MANIFEST_INVALID" });
  });

  test("is written with its prefix: what no registry would take is refused before one is asked", async () => {
    await using project = await projectWith();
    const asked = registry.requests.length;
    for (const text of [
      "npm:",
      "npm:../x",
      "npm:-x@file:..",
      "npm:a/b",
      "npm:notes@file:../x",
      "npm:notes@",
      "npm:No",
    ])
      await assert.rejects(add(project, text), { code: "SOURCE_INVALID" }, text);
    await assert.rejects(add(project, "notes-and-more"), {
      code: "SOURCE_INVALID",
      hint: /npm:notes-and-more/,
    });
    assert.equal(registry.requests.length, asked);
  });
});

describe(".npmrc", () => {
  const reading = async (content: string, env: NodeJS.ProcessEnv = {}) => {
    await using project = await makeProject();
    write(project.folder, { ".npmrc": content });
    return readNpmrc(project.folder, { HOME: "/nonexistent", ...env });
  };

  test("says the registry of a scope and of everything else, variables win", async () => {
    const npmrc = await reading(
      "; a comment\nregistry = https://one.example/npm\n@acme:registry='https://two.example'\n",
    );
    assert.equal(await npmrc.registryOf("notes"), "https://one.example/npm/");
    assert.equal(await npmrc.registryOf("@acme/notes"), "https://two.example/");
    const changed = await reading("registry=https://one.example\n", {
      npm_config_registry: "https://three.example",
    });
    assert.equal(await changed.registryOf("notes"), "https://three.example/");
  });

  test("gives credentials to the addresses below the one they were written for", async () => {
    const npmrc = await reading(
      "//one.example/npm/:_authToken=abc\n//two.example/:username=u\n//two.example/:_password=cA==\n",
    );
    assert.equal(npmrc.authorization("https://one.example/npm/notes"), "Bearer abc");
    assert.equal(npmrc.authorization("https://one.example/other/notes"), undefined);
    assert.equal(npmrc.authorization("https://one.example.evil/npm/notes"), undefined);
    assert.equal(
      npmrc.authorization("https://two.example/x.tgz"),
      `Basic ${Buffer.from("u:p").toString("base64")}`,
    );
  });

  test("may not name a registry that can be changed on its way, or hold credentials in its address", async () => {
    for (const address of [
      "http://one.example",
      "ftp://one.example",
      "nonsense",
      "https://u:p@one.example",
    ]) {
      const npmrc = await reading(`registry=${address}\n`);
      await assert.rejects(npmrc.registryOf("notes"), { code: "SOURCE_INVALID" }, address);
    }
  });

  test("is asked of npm where nobody set it", async (t) => {
    await using project = await makeProject();
    const folder = await mkdtemp(join(tmpdir(), "xcore-npm-"));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "npm"), "#!/bin/sh\necho https://four.example/\n", { mode: 0o755 });
    const read = (path: string) => readNpmrc(project.folder, { HOME: "/nonexistent", PATH: path });
    const npmrc = await read(`${folder}:${process.env["PATH"] ?? ""}`);
    assert.equal(await npmrc.registryOf("notes"), "https://four.example/");
    const without = await read(join(folder, "nothing"));
    await assert.rejects(without.registryOf("notes"), { code: "SOURCE_INVALID", hint: /registry=/ });
  });
});

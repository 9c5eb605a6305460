// Known-bad packages, licences, and the lock that a plugin without one gets.
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { readConfig } from "../../../../src/core/config/read.ts";
import { addPlugin } from "../../../../src/core/plugins/installer/add.ts";
import { knownBad, type Finding } from "../../../../src/core/plugins/installer/advisories.ts";
import { verifyPlugins } from "../../../../src/core/plugins/installer/check-installed.ts";
import { installedPackages, licenseSummary } from "../../../../src/core/plugins/installer/package-list.ts";
import { syncPlugins } from "../../../../src/core/plugins/installer/sync.ts";
import { lockPath, readLock } from "../../../../src/core/plugins/lock.ts";
import { openRegistry, type Package } from "./npm-registry.ts";
import { makeProject, pluginFiles, write, type Project } from "./workspace.ts";

const trial = async (): Promise<void> => undefined;

describe("advisories", () => {
  let root: string;
  let made = 0;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "xcore-advisories-"));
  });
  after(() => rm(root, { recursive: true, force: true }));

  const osv = (id: string, affected: object, more: object = {}): object => ({
    id,
    summary: `about ${id}`,
    affected: [{ package: { ecosystem: "npm", name: "left-pad" }, ...affected }],
    ...more,
  });
  const range = (...events: object[]): object => ({ ranges: [{ type: "SEMVER", events }] });

  async function check(list: unknown, version: string, ignore: string[] = []): Promise<Finding[]> {
    const path = join(root, `${(made += 1)}.json`);
    writeFileSync(path, JSON.stringify(list));
    return knownBad({ "node_modules/x/node_modules/left-pad": { version } }, { path, ignore });
  }

  const cases: [string, object, [string, boolean][]][] = [
    [
      "from the first to a fixed version",
      range({ introduced: "0" }, { fixed: "1.3.0" }),
      [
        ["0.0.1", true],
        ["1.2.9", true],
        ["1.3.0-rc.1", true],
        ["1.3.0", false],
        ["2.0.0", false],
      ],
    ],
    [
      "to a last affected version",
      range({ introduced: "1.0.0" }, { last_affected: "1.2.0" }),
      [
        ["0.9.0", false],
        ["1.2.0", true],
        ["1.2.1", false],
      ],
    ],
    [
      "two stretches, written in any order",
      range({ fixed: "2.1.0" }, { introduced: "2.0.0" }, { fixed: "1.1.0" }, { introduced: "1.0.0" }),
      [
        ["1.0.5", true],
        ["1.5.0", false],
        ["2.0.5", true],
        ["2.1.0", false],
      ],
    ],
    [
      "single versions",
      { versions: ["1.0.0", "1.4.2"] },
      [
        ["1.4.2", true],
        ["1.4.1", false],
      ],
    ],
  ];
  for (const [what, affected, expected] of cases) {
    test(`are read as OSV says: ${what}`, async () => {
      for (const [version, hit] of expected) {
        const found = await check(osv("GHSA-1", affected), version);
        assert.equal(found.length, hit ? 1 : 0, version);
      }
    });
  }

  test("may be one, a list, an answer of the API or a folder; withdrawn and ignored ones don't count", async () => {
    const one = osv("GHSA-1", range({ introduced: "0" }));
    const expected = [{ id: "GHSA-1", summary: "about GHSA-1", package: "left-pad@1.0.0", fixed: null }];
    for (const list of [one, [one], { vulns: [one, one] }])
      assert.deepEqual(await check(list, "1.0.0"), expected);
    assert.deepEqual(await check({ ...one, withdrawn: "2024-01-01T00:00:00Z" }, "1.0.0"), []);
    assert.deepEqual(await check(one, "1.0.0", ["GHSA-1"]), []);
    const folder = write(join(root, "folder"), { "a.json": JSON.stringify(one), "README.md": "x" });
    const packages = { "node_modules/alias": { version: "1.0.0", name: "left-pad" } };
    assert.deepEqual(await knownBad(packages, { path: folder, ignore: [] }), expected);
    assert.deepEqual(await knownBad(packages, undefined), []);
  });

  test("that can't be read are CONFIG_INVALID, not silence", async () => {
    const packages = { "node_modules/a": { version: "1.0.0" } };
    await assert.rejects(knownBad(packages, { path: join(root, "none"), ignore: [] }), {
      code: "CONFIG_INVALID",
    });
    await assert.rejects(check("hello", "1.0.0"), { code: "CONFIG_INVALID", message: /no advisory/ });
  });
});

describe("a plugin's packages", () => {
  const packages: Record<string, Package> = {
    greeter: {
      version: "1.2.0",
      files: {
        "package.json": JSON.stringify({
          main: "index.js",
          license: "MIT",
          dependencies: { deeper: "^0.1.0" },
        }),
        "index.js": "module.exports = 'hi';",
      },
    },
    deeper: {
      version: "0.1.0",
      files: { "package.json": JSON.stringify({ licenses: [{ type: "ISC" }] }), "index.js": "" },
    },
  };
  const plugin = (): Record<string, string> => ({
    ...pluginFiles("notes"),
    "package.json": JSON.stringify({ dependencies: { greeter: "^1.0.0" } }),
  });

  async function prepared(yaml?: string): Promise<Project> {
    const project = await makeProject(yaml);
    write(project.place("notes"), plugin());
    return project;
  }
  const env = (project: Project): NodeJS.ProcessEnv => ({
    PATH: process.env["PATH"],
    HOME: project.place("home"),
  });
  const add = (project: Project) =>
    addPlugin({
      config: project.config,
      cwd: project.folder,
      source: "../notes",
      consent: async () => true,
      env: env(project),
      trial,
    });

  test("without a lock file are pinned in xcore.lock, so that sync brings the same ones when newer ones are out", async () => {
    const served: Record<string, Package | Package[]> = structuredClone(packages);
    await using registry = await openRegistry(served);
    await using project = await prepared();
    write(project.folder, { ".npmrc": `registry=${registry.url}\n` });
    const { entry } = await add(project);
    const deeper = entry.packages?.["node_modules/deeper"];
    assert.deepEqual([deeper?.version, deeper?.license], ["0.1.0", "ISC"]);
    assert.match(deeper?.integrity ?? "", /^sha512-/);
    assert.doesNotMatch(readFileSync(lockPath(project.folder), "utf8"), /127\.0\.0\.1/);
    assert.deepEqual(licenseSummary(entry.packages ?? {}), [
      { license: "ISC", packages: ["deeper@0.1.0"] },
      { license: "MIT", packages: ["greeter@1.2.0"] },
    ]);

    served["deeper"] = [packages["deeper"] as Package, { version: "0.1.5", files: { "index.js": "evil" } }];
    rmSync(project.config.stateFolder, { recursive: true });
    rmSync(project.place("home"), { recursive: true, force: true });
    const report = await syncPlugins({ config: project.config, env: env(project), trial });
    assert.deepEqual([report.fetched, report.failed], [["notes"], []]);
    assert.deepEqual((await readLock(project.folder)).plugins["notes"], entry);
  });

  test("that are known to be bad are refused with their advisory, and found by verify later", async () => {
    await using registry = await openRegistry(packages);
    const yaml = "name: shop\npolicy: { advisories: { path: ./advisories.json } }\n";
    await using project = await prepared(yaml);
    const advisory = {
      id: "GHSA-aaaa-bbbb-cccc",
      summary: "Prototype pollution",
      affected: [
        {
          package: { ecosystem: "npm", name: "deeper" },
          ranges: [{ type: "SEMVER", events: [{ introduced: "0" }, { fixed: "0.1.1" }] }],
        },
      ],
    };
    write(project.folder, {
      ".npmrc": `registry=${registry.url}\n`,
      "advisories.json": JSON.stringify(advisory),
    });
    const before = project.snapshot();
    await assert.rejects(add(project), {
      code: "PACKAGE_VULNERABLE",
      message: /deeper@0\.1\.0: GHSA-aaaa-bbbb-cccc: Prototype pollution \(fixed in 0\.1\.1\)/,
    });
    assert.deepEqual(project.snapshot(), before);
    write(project.folder, { "advisories.json": "[]" });
    await add(project);
    write(project.folder, { "advisories.json": JSON.stringify(advisory) });
    const { findings } = await verifyPlugins({ config: project.config });
    assert.deepEqual(
      findings.map(({ rule }) => rule),
      ["advisory"],
    );
    write(project.folder, {
      "integration.yaml": yaml.replace("json }", "json, ignore: [GHSA-aaaa-bbbb-cccc] }"),
    });
    const config = await readConfig({ workspace: project.folder, env: {} });
    assert.deepEqual((await verifyPlugins({ config })).findings, []);
  });

  test("are listed with nested and aliased ones, whatever their package.json is", async () => {
    await using project = await makeProject();
    const folder = write(project.place("p"), {
      "node_modules/a/package.json": '{ "version": "1.0.0", "license": { "type": "MIT" } }',
      "node_modules/a/node_modules/@s/b/package.json": '{ "version": "2.0.0", "name": "real-b" }',
      "node_modules/broken/package.json": "{",
      "node_modules/.bin/x": "",
    });
    assert.deepEqual(await installedPackages(folder), {
      "node_modules/a": { version: "1.0.0", license: "MIT" },
      "node_modules/a/node_modules/@s/b": { version: "2.0.0", name: "real-b" },
      "node_modules/broken": { version: "?" },
    });
  });
});

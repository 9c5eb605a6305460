// npm packages of a plugin: installed without running anything, from a real registry on loopback by the real npm.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { defaultCaps, type Caps } from "../../../../src/core/plugins/installer/caps.ts";
import { installPackages } from "../../../../src/core/plugins/installer/packages.ts";
import { openRegistry, type Registry } from "./npm-registry.ts";
import { makeProject, write, type Files, type Project } from "./workspace.ts";

describe("npm packages", () => {
  let project: Project;
  let registry: Registry;
  let made = 0;

  before(async () => {
    project = await makeProject();
    const mark = project.place("mark");
    registry = await openRegistry({
      greeter: {
        version: "1.2.0",
        files: {
          "package.json": JSON.stringify({
            main: "index.js",
            bin: { greet: "index.js" },
            dependencies: { deeper: "*" },
            peerDependencies: { unheard: "*" },
            scripts: { install: `touch ${mark}`, postinstall: `touch ${mark}` },
          }),
          "index.js": "module.exports = () => 'hi';",
        },
      },
      deeper: { version: "0.1.0", files: { "index.js": "module.exports = 1;" } },
    });
  });
  after(async () => {
    await registry?.[Symbol.asyncDispose]();
    await project?.[Symbol.asyncDispose]();
  });

  async function install(
    files: Files,
    options: { caps?: Partial<Caps>; env?: NodeJS.ProcessEnv } = {},
  ): Promise<string> {
    const folder = write(project.place(`plugin-${(made += 1)}`), files);
    await installPackages({
      folder,
      plugin: "notes",
      workspace: project.folder,
      caps: { ...defaultCaps, ...options.caps },
      env: { PATH: process.env["PATH"], HOME: project.place("home"), ...options.env },
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    return folder;
  }

  const packageJson = (json: object): Files => ({ "package.json": JSON.stringify(json) });
  const useRegistry = (): string => write(project.folder, { ".npmrc": `registry=${registry.url}\n` });

  test("come from the project's registry, with all they need, and no script of theirs is run", async () => {
    useRegistry();
    const folder = await install(
      packageJson({ dependencies: { greeter: "^1.0.0" }, devDependencies: { absent: "1" } }),
    );
    assert.deepEqual(readdirSync(join(folder, "node_modules")).sort(), ["deeper", "greeter"]);
    assert.ok(!existsSync(project.place("mark")));
    assert.deepEqual(readdirSync(folder).sort(), ["node_modules", "package.json"]);
    assert.ok(!registry.requests.some((path) => path.startsWith("unheard") || path.startsWith("absent")));
  });

  test("a plugin's own scripts are not run either, and its lock file is obeyed", async () => {
    useRegistry();
    const mark = project.place("own-mark");
    const integrity = "sha512-" + "A".repeat(86) + "==";
    const lock = {
      name: "notes",
      lockfileVersion: 3,
      packages: {
        "": { dependencies: { deeper: "*" } },
        "node_modules/deeper": {
          version: "0.1.0",
          resolved: `${registry.url}/deeper/-/deeper-0.1.0.tgz`,
          integrity,
        },
      },
    };
    await assert.rejects(
      install({
        "package.json": JSON.stringify({
          dependencies: { deeper: "*" },
          scripts: { preinstall: `touch ${mark}`, prepare: `touch ${mark}` },
        }),
        "package-lock.json": JSON.stringify(lock),
      }),
      { code: "PLUGIN_IMPORT", message: /not the one its lock file pins/ },
    );
    assert.ok(!existsSync(mark));
  });

  test("a lock file that fits is taken as it is, without what is for development only", async () => {
    useRegistry();
    const lock = {
      lockfileVersion: 3,
      packages: {
        "": { dependencies: { deeper: "*" }, devDependencies: { xcore: "file:../xcore.tgz" } },
        "node_modules/deeper": { version: "0.1.0", resolved: `${registry.url}/deeper/-/deeper-0.1.0.tgz` },
        "node_modules/xcore": { version: "1.0.0", resolved: "file:../xcore.tgz", dev: true },
      },
    };
    const folder = await install({
      "package.json": JSON.stringify({
        dependencies: { deeper: "*" },
        devDependencies: { xcore: "file:../xcore.tgz" },
      }),
      "package-lock.json": JSON.stringify(lock),
    });
    assert.deepEqual(readdirSync(join(folder, "node_modules")), ["deeper"]);
    assert.deepEqual(JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8")), lock);
  });

  test("nothing is fetched where there are none, or where all are in the plugin already", async () => {
    const before = registry.requests.length;
    await install({});
    await install(packageJson({ devDependencies: { greeter: "1" } }));
    const vendored = {
      ...packageJson({ dependencies: { greeter: "1" } }),
      "node_modules/greeter/package.json": "{}",
    };
    assert.deepEqual(readdirSync(join(await install(vendored), "node_modules")), ["greeter"]);
    assert.equal(registry.requests.length, before);
  });

  test("that a registry does not have are named", async () => {
    useRegistry();
    await assert.rejects(install(packageJson({ dependencies: { nowhere: "1" } })), {
      code: "SOURCE_UNREACHABLE",
      message: /plugin 'notes'.*404/,
    });
  });

  test("are counted against the caps", async () => {
    useRegistry();
    await assert.rejects(install(packageJson({ dependencies: { greeter: "1" } }), { caps: { files: 2 } }), {
      code: "PLUGIN_IMPORT",
      message: /4 files/,
    });
  });

  test("without npm the error says what to do", async () => {
    await assert.rejects(
      install(packageJson({ dependencies: { greeter: "1" } }), { env: { PATH: project.place("none") } }),
      {
        code: "PART_MISSING",
        hint: /Install npm/,
      },
    );
  });

  const foreign: [string, Files, RegExp][] = [
    ["a path", packageJson({ dependencies: { a: "file:../../../secrets" } }), /a@file:/],
    ["a link", packageJson({ dependencies: { a: "link:../x" } }), /a@link:/],
    ["a bare path", packageJson({ dependencies: { a: "../x" } }), /a@\.\.\/x/],
    ["a git repository", packageJson({ dependencies: { a: "git+ssh://git@host/x.git" } }), /a@git/],
    ["a forge's shorthand", packageJson({ optionalDependencies: { a: "someone/a" } }), /a@someone/],
    ["an archive by URL", packageJson({ dependencies: { a: "https://evil.example/a.tgz" } }), /a@https/],
    ["a name that is a path", packageJson({ dependencies: { "../../evil": "1" } }), /evil@1/],
    ["xcore itself", packageJson({ dependencies: { xcore: "*" } }), /lists xcore/],
    ["no version", packageJson({ dependencies: { a: 1 } }), /no version for 'a'/],
    ["a package.json that is none", { "package.json": "{" }, /is no JSON/],
    [
      "a lock file with a link",
      {
        ...packageJson({ dependencies: { a: "1" } }),
        "package-lock.json": JSON.stringify({
          packages: { "node_modules/a": { link: true, resolved: "../x" } },
        }),
      },
      /package-lock\.json names packages/,
    ],
    [
      "a lock file with a path out",
      {
        ...packageJson({ dependencies: { a: "1" } }),
        "npm-shrinkwrap.json": JSON.stringify({ packages: { "node_modules/../../evil": {} } }),
      },
      /npm-shrinkwrap\.json names packages/,
    ],
  ];
  for (const [what, files, pattern] of foreign) {
    test(`from ${what} are refused before npm is run`, async () => {
      await assert.rejects(install(files, { env: { PATH: project.place("none") } }), {
        code: "PLUGIN_IMPORT",
        message: pattern,
      });
    });
  }

  test("an .npmrc of the project is in force for the while only", async () => {
    useRegistry();
    const folder = await install(packageJson({ dependencies: { deeper: "npm:deeper@0.1.0" } }));
    assert.ok(!existsSync(join(folder, ".npmrc")));
    assert.match(readFileSync(join(folder, "node_modules/deeper/index.js"), "utf8"), /exports/);
  });
});

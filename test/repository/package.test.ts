// The package as others get it: packed, installed into an empty folder, run from there.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { packageRoot, packageVersion } from "../../src/core/base/package-root.ts";

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

describe("the packed package", () => {
  let folder = "";
  let files: string[] = [];
  const app = (...parts: string[]): string => join(folder, "app", ...parts);
  const xcore = (...args: string[]): Promise<Ended> =>
    run(process.execPath, [app("node_modules", "xcore", "bin", "run.js"), ...args], app());

  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "xcore-package-")));
    await mkdir(app());
    await writeFile(app("package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
    // The build has run; a second one would take dist/ from under the other tests.
    const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
    const packed = await run("npm", pack, packageRoot);
    assert.equal(packed.code, 0, packed.stderr);
    const [tarball] = JSON.parse(packed.stdout) as { filename: string; files: { path: string }[] }[];
    assert.ok(tarball);
    files = tarball.files.map(({ path }) => path);
    const install = [
      "install",
      "--prefer-offline",
      "--no-audit",
      "--no-fund",
      join(folder, tarball.filename),
    ];
    const installed = await run("npm", install, app());
    assert.equal(installed.code, 0, installed.stderr);
  });
  after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

  it("holds what runs and what is copied, and no sources or tests", () => {
    const top = new Set(files.map((path) => path.split("/")[0]));
    assert.deepEqual(
      [...top].toSorted(),
      [
        "README.md",
        "bin",
        "dist",
        "docs",
        "package.json",
        "schemas",
        "templates",
        "tsconfig.plugin.json",
      ].toSorted(),
    );
    assert.ok(!files.includes("bin/dev.js"));
    assert.ok(files.includes("dist/oclif.manifest.json"));
  });

  it("leaves `using` to Node: as esbuild rewrites it, one in a loop throws again what an earlier round has caught", async () => {
    const scripts = files.filter((path) => /^dist\/.*\.js$/.test(path));
    assert.ok(scripts.length > 10);
    for (const path of scripts) {
      const text = await readFile(app("node_modules", "xcore", path), "utf8");
      assert.ok(!text.includes("__callDispose"), path);
    }
  });

  it("has a file for each of its exports", async () => {
    const text = await readFile(app("node_modules", "xcore", "package.json"), "utf8");
    const { exports } = JSON.parse(text) as { exports: Record<string, string | Record<string, string>> };
    const targets = Object.values(exports).flatMap((target) =>
      typeof target === "string" ? [target] : Object.values(target),
    );
    const missing = targets
      .filter((target) => !target.includes("*"))
      .filter((target) => !existsSync(app("node_modules", "xcore", target)));
    assert.deepEqual(missing, []);
  });

  it("runs where it is installed", async () => {
    const version = await xcore("--version");
    assert.equal(version.code, 0, version.stderr);
    assert.match(version.stdout, new RegExp(`^xcore/${packageVersion()} `));
    const help = await xcore("--help");
    assert.match(help.stdout, /COMMANDS/);
    assert.equal((await xcore("status")).code, 78);
  });

  it("brings a Node that can run it, so that npx works on a machine with an old one", async () => {
    const { stdout, stderr } = await run(app("node_modules", ".bin", "node"), ["--version"], app());
    assert.match(stdout, /^v(24|26)\./, stderr);
  });

  it("can be embedded: its door opens", async () => {
    const program = 'const { openCore } = await import("xcore"); console.log(typeof openCore);';
    const { stdout, stderr } = await run(process.execPath, ["--input-type=module", "-e", program], app());
    assert.equal(stdout, "function\n", stderr);
  });

  it("makes a project", async () => {
    const made = await xcore("new", "shop", "--yes", "--no-install", "--no-git", "--json");
    assert.equal(made.code, 0, made.stdout);
    assert.ok(existsSync(app("shop", "integration.yaml")));
    assert.ok(existsSync(app("shop", ".gitignore")));
  });
});

function run(program: string, args: string[], cwd: string): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  execFile(program, args, { cwd, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
  });
  return promise;
}

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ended, start, xcore } from "../cli/support/run.ts";

async function emptyFolder() {
  const folder = await mkdtemp(join(tmpdir(), "xcore-new-"));
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

const offline = ["--yes", "--no-install", "--no-git"];

test("xcore new makes a whole project and says what to do next", async () => {
  await using place = await emptyFolder();
  const { code, stdout, stderr } = await xcore(["new", "Book Shop", ...offline], { cwd: place.folder });
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /cd 'Book Shop'\n {2}npm install\n {2}npm run dev/);
  const folder = join(place.folder, "Book Shop");
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    name: string;
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  assert.equal(manifest.name, "book-shop");
  assert.match(manifest.dependencies["xcore"] ?? "", /^file:vendor\/xcore-.*\.tgz$/);
  assert.equal(manifest.devDependencies["node"], undefined, "Node comes as the peer of xcore");
  const integration = await readFile(join(folder, "integration.yaml"), "utf8");
  assert.match(
    integration,
    /^# yaml-language-server: \$schema=\.\/node_modules\/xcore\/schemas\/integration\.schema\.json\n/,
  );
  assert.equal((await stat(folder)).mode & 0o777, 0o777 & ~process.umask());
  assert.deepEqual(await readdir(place.folder), ["Book Shop"]);
});

test("with --json the result is one document", async () => {
  await using place = await emptyFolder();
  const { code, stdout, stderr } = await xcore(["new", "shop", "--plugin", "orders", ...offline, "--json"], {
    cwd: place.folder,
  });
  assert.equal(code, 0);
  assert.equal(stderr, "");
  const result = JSON.parse(stdout) as { ok: boolean; files: string[]; install: string; next: string[] };
  assert.equal(result.ok, true);
  assert.equal(result.install, "skipped");
  assert.ok(result.files.includes("plugins/orders/src/index.ts"));
});

test("without a terminal and without --yes every missing flag is named and nothing is made", async () => {
  await using place = await emptyFolder();
  const { code, stderr } = await xcore(["new", "--no-git"], { cwd: place.folder });
  assert.equal(code, 2);
  assert.match(stderr, /missing: <folder>, --name, --plugin, --install or --no-install \(/);
  assert.deepEqual(await readdir(place.folder), []);
});

test("without a terminal all flags together do without --yes", async () => {
  await using place = await emptyFolder();
  const args = ["new", "shop", "--name", "shop", "--plugin", "orders", "--no-install", "--git"];
  const { code, stderr } = await xcore(args, { cwd: place.folder });
  assert.equal(code, 0, stderr);
  assert.ok((await readdir(join(place.folder, "shop"))).includes(".git"));
});

test("a folder that is not empty is left alone, and what is in the way is named", async () => {
  await using place = await emptyFolder();
  await writeFile(join(place.folder, "package.json"), "{}");
  const { code, stderr } = await xcore(["new", ".", ...offline, "--name", "shop"], { cwd: place.folder });
  assert.equal(code, 73);
  assert.match(stderr, /in the way: package\.json/);
  assert.deepEqual(await readdir(place.folder), ["package.json"]);
});

test("the current folder can be filled when it is empty", async () => {
  await using place = await emptyFolder();
  const { code, stderr } = await xcore(["new", ".", ...offline, "--name", "shop"], { cwd: place.folder });
  assert.equal(code, 0, stderr);
  assert.ok((await readdir(place.folder)).includes("integration.yaml"));
  assert.doesNotMatch(stderr, /cd /);
});

test("a name that can't be is refused before anything is made", async () => {
  await using place = await emptyFolder();
  for (const args of [
    ["--name", "con"],
    ["--plugin", "../up"],
    ["--name", "Shop"],
  ]) {
    const { code, stderr } = await xcore(["new", "shop", ...args, ...offline], { cwd: place.folder });
    assert.equal(code, 2, stderr);
  }
  assert.deepEqual(await readdir(place.folder), []);
});

test("Ctrl-C during the installation leaves nothing behind and ends with 130", async () => {
  await using place = await emptyFolder();
  const child = start(["new", "made/shop", "--yes", "--no-git"], { cwd: place.folder });
  const end = ended(child);
  child.stderr.on("data", (chunk) => {
    if (String(chunk).includes("installing")) child.kill("SIGINT");
  });
  const { code, stderr } = await end;
  assert.equal(code, 130, stderr);
  assert.deepEqual(await readdir(place.folder), []);
});

test("xcore plugin new puts a plugin into the project once", async () => {
  await using place = await emptyFolder();
  await xcore(["new", "shop", ...offline], { cwd: place.folder });
  const cwd = join(place.folder, "shop", "app");
  const made = await xcore(["plugin", "new", "orders", "--json"], { cwd });
  assert.equal(made.code, 0, made.stdout);
  assert.ok((JSON.parse(made.stdout) as { files: string[] }).files.includes("test/orders.test.ts"));
  assert.match(
    await readFile(join(place.folder, "shop/plugins/orders/plugin-env.d.ts"), "utf8"),
    /permissions: "database" \| "jobs"/,
  );
  const again = await xcore(["plugin", "new", "orders"], { cwd });
  assert.equal(again.code, 65);
  assert.match(again.stderr, /has a plugin 'orders' already/);
});

// A registry of one's own: published into a folder, served by a web server or as a git repository, used by name.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Config } from "../../../../src/core/config/config.ts";
import { readConfig } from "../../../../src/core/config/read.ts";
import { addPlugin, type Installed } from "../../../../src/core/plugins/installer/add.ts";
import { outdatedPlugins } from "../../../../src/core/plugins/installer/outdated.ts";
import { syncPlugins } from "../../../../src/core/plugins/installer/sync.ts";
import { updatePlugins } from "../../../../src/core/plugins/installer/update.ts";
import { readLock } from "../../../../src/core/plugins/lock.ts";
import { publishPlugin, type Published } from "../../../../src/core/plugins/registries/publish.ts";
import { openIndex, sealIndex } from "../../../../src/core/plugins/registries/registry-index.ts";
import { registryInfo, searchRegistries } from "../../../../src/core/plugins/registries/search.ts";
import { newKey, readSigningKey, type SigningKey } from "../../../../src/core/plugins/signatures/keys.ts";
import { signPlugin } from "../../../../src/core/plugins/signatures/sign.ts";
import { openGitServer } from "../installer/git-server.ts";
import { git, makeProject, pluginFiles, write, type Project } from "../installer/workspace.ts";

const trial = async (): Promise<void> => undefined;

let root: string;
let key: SigningKey;
let other: SigningKey;
let made = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), "xcore-registry-"));
  for (const name of ["one", "two"]) await newKey(join(root, name));
  key = await readSigningKey(join(root, "one"), {});
  other = await readSigningKey(join(root, "two"), {});
});
after(() => rm(root, { recursive: true, force: true }));

const newFolder = (): string => join(root, `folder-${(made += 1)}`);

function plugin(name: string, version: string, manifest = ""): string {
  return write(newFolder(), pluginFiles(name, `description: "Sends ${name}."\n${manifest}`, version));
}

const publish = (to: string, name: string, version: string, by = key, manifest = ""): Promise<Published> =>
  publishPlugin({ folder: plugin(name, version, manifest), to, key: by });

const registries = (url: string, keys = [key.publicKey], name = "ours"): string =>
  `${name}: { url: "${url}", keys: [${keys.map((one) => `"${one}"`).join(", ")}] }`;

async function reconfigured(project: Project, yaml: string): Promise<Config> {
  write(project.folder, { "integration.yaml": `name: shop\nregistries: { ${yaml} }\n` });
  return readConfig({ workspace: project.folder, env: {} });
}

const add = (config: Config, source: string): Promise<Installed> =>
  addPlugin({ config, cwd: config.workspace, source, consent: async () => true, trial });

const indexOf = (registry: string): string => join(registry, "index", "index.json");

describe("plugin publish", () => {
  test("writes archive and index, and the same again changes nothing", async () => {
    const to = newFolder();
    const folder = plugin("mail", "1.0.0");
    const first = await publishPlugin({ folder, to, key });
    assert.deepEqual([first.serial, first.changed, first.formerSigner], [1, true, null]);
    assert.deepEqual(readdirSync(to, { recursive: true }).map(String).sort(), [
      "index",
      "index/index.json",
      "packs",
      "packs/mail",
      "packs/mail/mail-1.0.0.tgz",
    ]);
    const archive = readFileSync(join(to, "packs/mail/mail-1.0.0.tgz"));
    assert.equal(first.archive, `sha512-${createHash("sha512").update(archive).digest("base64")}`);
    const bytes = readFileSync(indexOf(to));
    const again = await publishPlugin({ folder, to, key });
    assert.deepEqual([again.changed, again.serial], [false, 1]);
    assert.deepEqual(readFileSync(indexOf(to)), bytes);
    rmSync(join(to, "packs/mail/mail-1.0.0.tgz"));
    assert.equal((await publishPlugin({ folder, to, key })).changed, true);
    assert.deepEqual(readFileSync(join(to, "packs/mail/mail-1.0.0.tgz")), archive);
  });

  test("refuses a version with other bytes, a name of another key, and a second publisher at once", async () => {
    const to = newFolder();
    const folder = plugin("mail", "1.0.0");
    await publishPlugin({ folder, to, key });
    const before = readFileSync(indexOf(to));
    write(folder, { "src/greeting.ts": "export const greeting = 'other';" });
    await assert.rejects(publishPlugin({ folder, to, key }), { code: "PLUGIN_EXISTS", hint: /raise it/ });
    await assert.rejects(publish(to, "mail", "1.1.0", other), { code: "FORBIDDEN", message: /belongs to/ });
    writeFileSync(join(to, "index/index.lock"), "");
    await assert.rejects(publish(to, "mail", "1.1.0"), { code: "LOCKED" });
    rmSync(join(to, "index/index.lock"));
    assert.deepEqual(readFileSync(indexOf(to)), before);
    const second = await publish(to, "notes", "1.0.0", other);
    assert.deepEqual([second.serial, second.formerSigner], [2, key.publicKey]);
  });

  test("refuses to go on from an index that was changed", async () => {
    const to = newFolder();
    await publish(to, "mail", "1.0.0");
    const text = readFileSync(indexOf(to), "utf8");
    const envelope = JSON.parse(text) as { payload: string };
    const payload = Buffer.from(envelope.payload, "base64").toString().replace('"serial":1', '"serial":7');
    envelope.payload = Buffer.from(payload).toString("base64");
    writeFileSync(indexOf(to), `${JSON.stringify(envelope, null, 2)}\n`);
    await assert.rejects(publish(to, "mail", "1.1.0"), { code: "REGISTRY_INVALID" });
  });
});

describe("a registry", () => {
  let folder: string;
  let server: Server;
  let url: string;
  const requests: string[] = [];

  before(async () => {
    folder = newFolder();
    await publish(folder, "mail", "1.0.0");
    await publish(folder, "mail", "1.2.0", key, "permissions: { cache: true }\n");
    await publish(folder, "mail", "2.0.0-rc.1");
    await publish(folder, "mail", "2.0.0");
    await publish(folder, "notes", "0.1.0-beta.1");
    server = createServer((request, response) => {
      requests.push(request.url ?? "");
      const file = join(folder, decodeURIComponent((request.url ?? "").replace(/^\/plugins\//, "")));
      if (existsSync(file)) response.end(readFileSync(file));
      else response.writeHead(404).end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/plugins`;
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });

  test("on a web server gives the newest version that fits, pinned by digest, and sync needs no index", async () => {
    await using project = await makeProject();
    const config = await reconfigured(project, registries(url));
    const { entry } = await add(config, "mail@^1");
    assert.equal(entry.version, "1.2.0");
    assert.equal(entry.signer, key.publicKey);
    const { archive, ...source } = entry.source as { archive: string };
    assert.match(archive, /^sha512-/);
    assert.deepEqual(source, {
      type: "registry",
      name: "mail",
      range: "^1",
      registry: url,
      release: "1.2.0",
      serial: 5,
    });
    assert.deepEqual((await readLock(project.folder)).plugins["mail"], entry);
    rmSync(config.stateFolder, { recursive: true });
    requests.length = 0;
    assert.deepEqual((await syncPlugins({ config, trial })).fetched, ["mail"]);
    assert.deepEqual(requests, ["/plugins/packs/mail/mail-1.2.0.tgz"]);
    const [outdated] = await outdatedPlugins({ config, names: [] });
    assert.deepEqual([outdated?.current, outdated?.wanted, outdated?.latest], ["1.2.0", null, "2.0.0"]);
  });

  test("leads an update to the newest version of the range, and no further by itself", async () => {
    const place = newFolder();
    await publish(place, "mail", "1.0.0");
    await using project = await makeProject();
    const config = await reconfigured(project, registries(place));
    await add(config, "mail@^1");
    for (const version of ["1.1.0", "1.2.0", "2.0.0"]) await publish(place, "mail", version);
    const report = await updatePlugins({
      config,
      names: [],
      consent: async () => true,
      breakDependants: false,
      readMigrations: async () => [],
      trial,
    });
    assert.deepEqual(
      report.updated.map(({ from, to }) => [from, to]),
      [["1.0.0", "1.2.0"]],
    );
    const { plugins, seen } = await readLock(project.folder);
    assert.partialDeepStrictEqual(plugins["mail"]?.source, { release: "1.2.0", range: "^1", serial: 4 });
    assert.equal(seen?.["mail"]?.version, "1.2.0");
  });

  test("in a folder or a git repository is used the same way", async () => {
    const repository = join(newFolder(), "plugins");
    await cp(folder, repository, { recursive: true });
    git(repository, "init", "-q", "-b", "main");
    git(repository, "add", "-A");
    git(repository, "commit", "-q", "-m", "published");
    await using gitServer = await openGitServer({ root: join(repository, "..") });
    for (const place of [folder, `git+${gitServer.url}/plugins`]) {
      await using project = await makeProject();
      const config = await reconfigured(project, registries(place));
      assert.equal((await add(config, "registry:ours/mail")).entry.version, "2.0.0");
      rmSync(config.stateFolder, { recursive: true });
      assert.deepEqual((await syncPlugins({ config, trial })).fetched, ["mail"]);
    }
  });

  test("is searched by words, and tells of a plugin that is not installed", async () => {
    await using project = await makeProject();
    const config = await reconfigured(project, registries(url));
    const names = async (text: string): Promise<string[]> =>
      (await searchRegistries({ config }, text)).plugins.map(({ name, version }) => `${name} ${version}`);
    assert.deepEqual(await names(""), ["mail 2.0.0", "notes 0.1.0-beta.1"]);
    assert.deepEqual(await names("SENDS mail"), ["mail 2.0.0"]);
    assert.deepEqual(await names("nothing"), []);
    const info = await registryInfo({ config }, "mail@^1");
    assert.deepEqual([info?.version, info?.asks.map(({ allow }) => allow)], ["1.2.0", ["cache"]]);
    assert.deepEqual(info?.versions, ["2.0.0", "2.0.0-rc.1", "1.2.0", "1.0.0"]);
    await assert.rejects(registryInfo({ config }, "male"), { code: "PLUGIN_NOT_FOUND", hint: /mail/ });
  });

  test("that can't be reached is known as it was, and a fresh project is told so", async () => {
    await using project = await makeProject();
    const place = newFolder();
    await cp(folder, place, { recursive: true });
    const config = await reconfigured(project, registries(place));
    await searchRegistries({ config }, "");
    renameSync(place, `${place}-away`);
    const said: string[] = [];
    const report = await searchRegistries({ config, onProgress: (text) => said.push(text) }, "mail");
    assert.equal(report.plugins.length, 1);
    assert.ok(said.some((text) => text.includes("can't be reached")));
    await using fresh = await makeProject();
    const empty = await searchRegistries({ config: await reconfigured(fresh, registries(place)) }, "");
    assert.deepEqual(
      empty.failed.map(({ code }) => code),
      ["SOURCE_UNREACHABLE"],
    );
  });

  test("whose index is signed by nobody that is trusted is refused, with the key to compare", async () => {
    await using project = await makeProject();
    const config = await reconfigured(project, registries(url, [other.publicKey]));
    await assert.rejects(add(config, "mail"), {
      code: "REGISTRY_INVALID",
      hint: new RegExp("registries.<name>.keys"),
    });
  });

  test("that goes back to an older index is found out, on this machine and by xcore.lock alone", async () => {
    const place = newFolder();
    await publish(place, "mail", "1.0.0");
    const old = newFolder();
    await cp(place, old, { recursive: true });
    await publish(place, "mail", "1.1.0");
    await using project = await makeProject();
    const config = await reconfigured(project, registries(place));
    await add(config, "mail@1.0.0");
    rmSync(place, { recursive: true });
    await cp(old, place, { recursive: true });
    const replayed = { code: "SIGNATURE_REPLAYED", message: /number 1\).*number 2/ };
    await assert.rejects(add(config, "notes"), replayed);
    rmSync(config.stateFolder, { recursive: true });
    await assert.rejects(add(config, "notes"), replayed);
  });

  test("with two faces for one number is found out", async () => {
    const place = newFolder();
    await publish(place, "mail", "1.0.0");
    await using project = await makeProject();
    const config = await reconfigured(project, registries(place));
    await searchRegistries({ config }, "");
    const index = openIndex(readFileSync(indexOf(place), "utf8"), place);
    writeFileSync(indexOf(place), sealIndex({ ...index, time: "2020-01-01T00:00:00.000Z" }, key));
    const { failed } = await searchRegistries({ config }, "");
    assert.deepEqual(
      failed.map(({ code }) => code),
      ["REGISTRY_INVALID"],
    );
  });

  test("whose archive is another one than its index says is refused, and nothing is left", async () => {
    const place = newFolder();
    await publish(place, "mail", "1.0.0");
    await publish(place, "mail", "1.1.0");
    const packs = join(place, "packs/mail");
    await cp(join(packs, "mail-1.0.0.tgz"), join(packs, "mail-1.1.0.tgz"));
    await using project = await makeProject();
    const config = await reconfigured(project, registries(place));
    await assert.rejects(add(config, "mail"), { code: "LOCK_MISMATCH" });
    assert.ok(!existsSync(join(config.stateFolder, "store")));
    assert.deepEqual((await readLock(project.folder)).plugins, {});
  });

  test("whose index names another's archive can't pass it off: name and owner's signature are checked", async () => {
    const place = newFolder();
    const foreign = plugin("mail", "1.0.0");
    await publish(place, "mail", "1.0.0");
    await signPlugin({ folder: foreign, key: other });
    const { packPlugin } = await import("../../../../src/core/plugins/signatures/sign.ts");
    const { bytes } = await packPlugin(foreign);
    writeFileSync(join(place, "packs/mail/mail-1.0.0.tgz"), bytes);
    const index = structuredClone(openIndex(readFileSync(indexOf(place), "utf8"), place));
    const release = index.plugins["mail"]?.versions["1.0.0"];
    assert.ok(release !== undefined);
    release.archive = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
    writeFileSync(indexOf(place), sealIndex(index, key));
    await using project = await makeProject();
    const config = await reconfigured(project, registries(place));
    await assert.rejects(add(config, "mail"), { code: "SIGNER_UNKNOWN", message: /whose name it is/ });
    index.plugins["notes"] = { ...index.plugins["mail"], owner: other.publicKey } as never;
    await using second = await makeProject();
    await rm(join(place, "packs/notes"), { recursive: true, force: true });
    await cp(join(place, "packs/mail/mail-1.0.0.tgz"), join(place, "packs/notes/notes-1.0.0.tgz"));
    writeFileSync(indexOf(place), sealIndex(index, key));
    await assert.rejects(add(await reconfigured(second, registries(place)), "notes"), {
      code: "REGISTRY_INVALID",
      message: /is a plugin 'mail'/,
    });
  });

  test("among several must be named where two have the plugin", async () => {
    const second = newFolder();
    await publish(second, "mail", "9.9.9", other);
    await using project = await makeProject();
    const both = `${registries(url)}, ${registries(second, [other.publicKey], "theirs")}`;
    const config = await reconfigured(project, both);
    await assert.rejects(add(config, "mail"), { code: "SOURCE_INVALID", message: /ours, theirs/ });
    assert.equal((await add(config, "registry:ours/mail@1.0.0")).entry.version, "1.0.0");
    await assert.rejects(add(config, "registry:nobody/mail"), { code: "SOURCE_INVALID", hint: /ours/ });
  });

  test("is asked only where one is named, and only for what is no path", async () => {
    await using project = await makeProject();
    await assert.rejects(add(project.config, "mail@^1"), {
      code: "SOURCE_INVALID",
      message: /no file or folder/,
    });
    await assert.rejects(add(project.config, "registry:mail"), {
      code: "SOURCE_INVALID",
      hint: /registries:/,
    });
    const config = await reconfigured(project, registries(url));
    write(project.folder, { mail: "" });
    await assert.rejects(add(config, "mail"), { code: "SOURCE_INVALID", message: /no \.tgz/ });
    for (const text of [
      "registry:__proto__",
      "registry:con",
      "registry:../x",
      "registry:mail@-x",
      "registry:",
    ]) {
      await assert.rejects(add(config, text), { code: "SOURCE_INVALID" }, text);
    }
    for (const bad of ["ftp://x.example/", "http://x.example/", "https://u:p@x.example/"]) {
      const wrong = await reconfigured(project, registries(bad));
      await assert.rejects(add(wrong, "registry:mail"), { code: "SOURCE_INVALID" }, bad);
    }
  });
});

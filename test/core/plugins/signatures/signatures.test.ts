// Signing, packing and checking: what was signed is taken, and nothing else.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { assert as hold, asyncProperty, constantFrom, integer, nat } from "fast-check";
import type { Config } from "../../../../src/core/config/config.ts";
import { readConfig } from "../../../../src/core/config/read.ts";
import { defaultCaps } from "../../../../src/core/plugins/installer/caps.ts";
import { listFiles } from "../../../../src/core/plugins/installer/digest.ts";
import { copyFolder } from "../../../../src/core/plugins/installer/folder.ts";
import { StagedTree } from "../../../../src/core/plugins/installer/staged-tree.ts";
import { unpackTarball } from "../../../../src/core/plugins/installer/tarball.ts";
import type { SeenSignature, Signature } from "../../../../src/core/plugins/signatures/check.ts";
import { fetchedSignature } from "../../../../src/core/plugins/signatures/installed-signature.ts";
import { newKey, readSigningKey, type SigningKey } from "../../../../src/core/plugins/signatures/keys.ts";
import { packPlugin, signPlugin } from "../../../../src/core/plugins/signatures/sign.ts";
import { git, pluginFiles, write } from "../installer/workspace.ts";

let root: string;
let key: SigningKey;
let other: SigningKey;

before(async () => {
  root = await mkdtemp(join(tmpdir(), "xcore-signatures-"));
  await newKey(join(root, "one.key"));
  await newKey(join(root, "two.key"));
  key = await readSigningKey(join(root, "one.key"), {});
  other = await readSigningKey(join(root, "two.key"), {});
});
after(() => rm(root, { recursive: true, force: true }));

let made = 0;

async function config(signatures = "require: none"): Promise<Config> {
  const workspace = join(root, `project-${(made += 1)}`);
  write(workspace, { "integration.yaml": `name: shop\npolicy: { signatures: { ${signatures} } }\n` });
  return readConfig({ workspace, env: {} });
}

async function signed(version = "1.0.0", by = key, name = "notes"): Promise<string> {
  const folder = write(join(root, `plugin-${(made += 1)}`), pluginFiles(name, "", version));
  await signPlugin({ folder, key: by });
  return folder;
}

async function check(
  folder: string,
  given: { config?: Config; seen?: SeenSignature; version?: string } = {},
): Promise<Signature | undefined> {
  const { text } = await listFiles(folder);
  const asked = given.config ?? (await config());
  const version = given.version ?? "1.0.0";
  return fetchedSignature({ config: asked, name: "notes", version, folder, listing: text }, given.seen);
}

describe("a signing key", () => {
  test("is written for its owner alone, and never over another file", async () => {
    const file = join(root, "deep", "er", "own.key");
    const pair = await newKey(file);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(pair.publicKey, /^ed25519:[A-Za-z0-9+/]{43}=$/);
    assert.match(pair.fingerprint, /^SHA256:[A-Za-z0-9+/]{43}$/);
    const bytes = readFileSync(file);
    await assert.rejects(newKey(file), { code: "FOLDER_NOT_EMPTY" });
    assert.deepEqual(readFileSync(file), bytes);
    const read = await readSigningKey(file, {});
    assert.deepEqual([read.publicKey, read.fingerprint], [pair.publicKey, pair.fingerprint]);
    const fromVariable = await readSigningKey(undefined, { XCORE_SIGNING_KEY: bytes.toString() });
    assert.equal(fromVariable.publicKey, pair.publicKey);
  });

  test("that others can read, is missing or is something else is refused", async () => {
    const file = join(root, "open.key");
    await newKey(file);
    chmodSync(file, 0o644);
    await assert.rejects(readSigningKey(file, {}), { code: "SIGNING_KEY", hint: /chmod 600/ });
    await assert.rejects(readSigningKey(join(root, "none.key"), {}), {
      code: "SIGNING_KEY",
      hint: /xcore key new/,
    });
    await assert.rejects(readSigningKey(undefined, { XCORE_SIGNING_KEY: "hello" }), { code: "SIGNING_KEY" });
  });
});

describe("a signed plugin", () => {
  test("is known by its signer's name", async () => {
    const known = await config(`require: all, signers: { our-team: "${key.publicKey}" }`);
    const signature = await check(await signed(), { config: known });
    assert.equal(signature?.name, "our-team");
    assert.equal(signature?.publicKey, key.publicKey);
  });

  test("of an unknown signer is refused where a signature is required, and shown as such elsewhere", async () => {
    const strict = await config(`require: all, signers: { our-team: "${key.publicKey}" }`);
    const folder = await signed("1.0.0", other);
    await assert.rejects(check(folder, { config: strict }), {
      code: "SIGNER_UNKNOWN",
      hint: new RegExp(other.publicKey.replaceAll(/[+/]/g, ".")),
    });
    assert.equal((await check(folder))?.name, undefined);
  });

  test("that is not signed at all is refused where a signature is required", async () => {
    const strict = await config(`require: all, signers: { our-team: "${key.publicKey}" }`);
    const folder = write(join(root, `plugin-${(made += 1)}`), pluginFiles("notes"));
    await assert.rejects(check(folder, { config: strict }), { code: "SIGNATURE_MISSING" });
    assert.equal(await check(folder), undefined);
  });

  test("needs its signature in trusted mode only where it runs in the core's process", async () => {
    const signatures = `require: trusted-mode, signers: { our-team: "${key.publicKey}" }`;
    const folder = write(join(root, `plugin-${(made += 1)}`), pluginFiles("notes"));
    assert.equal(await check(folder, { config: await config(signatures) }), undefined);
    const workspace = join(root, `project-${(made += 1)}`);
    write(workspace, {
      "integration.yaml": `name: shop\npolicy: { signatures: { ${signatures} } }\nplugins: { notes: { trust: { digest: sha256-${"0".repeat(64)} } } }\n`,
    });
    const trusting = await readConfig({ workspace, env: {} });
    await assert.rejects(check(folder, { config: trusting }), { code: "SIGNATURE_MISSING" });
  });

  test("is refused when any byte of any file was changed, the signature's own included", async () => {
    const folder = await signed();
    const asked = await config();
    const paths = (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    assert.ok(paths.some((path) => path.endsWith("plugin.sig.json")));
    await hold(
      asyncProperty(constantFrom(...paths), nat(), integer({ min: 1, max: 255 }), async (path, at, mask) => {
        const bytes = readFileSync(path);
        const flipped = Buffer.from(bytes);
        const index = at % bytes.length;
        flipped[index] = (bytes[index] ?? 0) ^ mask;
        writeFileSync(path, flipped);
        try {
          await assert.rejects(check(folder, { config: asked }), { code: "SIGNATURE_INVALID" });
        } finally {
          writeFileSync(path, bytes);
        }
      }),
      { numRuns: 300 },
    );
    assert.notEqual(await check(folder, { config: asked }), undefined);
  });

  const tampering: [string, (folder: string) => void, RegExp][] = [
    ["a mode", (folder) => chmodSync(join(folder, "src/index.ts"), 0o755), /changed src\/index\.ts/],
    ["a file more", (folder) => void write(folder, { "src/more.ts": "" }), /added src\/more\.ts/],
    ["a file less", (folder) => rmSync(join(folder, "src/greeting.ts")), /missing src\/greeting\.ts/],
    [
      "packages that were put there",
      (folder) => void write(folder, { "node_modules/evil/index.js": "" }),
      /added node_modules\/evil\/index\.js/,
    ],
    [
      "a link in place of a file",
      (folder) => {
        rmSync(join(folder, "src/greeting.ts"));
        symlinkSync("/etc/passwd", join(folder, "src/greeting.ts"));
      },
      /changed src\/greeting\.ts/,
    ],
    ["a link more", (folder) => symlinkSync("/etc", join(folder, "etc")), /added etc/],
  ];
  for (const [what, tamper, message] of tampering) {
    test(`is refused for ${what}, with its path`, async () => {
      const folder = await signed();
      tamper(folder);
      await assert.rejects(check(folder), { code: "SIGNATURE_INVALID", message });
    });
  }

  test("is refused with the signature of another version, another plugin or another signer", async () => {
    const older = await signed("0.9.0");
    const folder = await signed();
    const signature = join(folder, "plugin.sig.json");
    for (const from of [older, await signed("1.0.0", key, "others")]) {
      await cp(join(from, "plugin.sig.json"), signature);
      await assert.rejects(check(folder), { code: "SIGNATURE_INVALID", message: /carries the signature of/ });
    }
    // The other key's signature under the statement that names the first one.
    const envelope = JSON.parse(readFileSync(join(await signed(), "plugin.sig.json"), "utf8")) as {
      signatures: unknown;
    };
    const foreign = JSON.parse(
      readFileSync(join(await signed("1.0.0", other), "plugin.sig.json"), "utf8"),
    ) as { signatures: unknown };
    envelope.signatures = foreign.signatures;
    writeFileSync(signature, `${JSON.stringify(envelope, null, 2)}\n`);
    await assert.rejects(check(folder), { code: "SIGNATURE_INVALID", message: /changed after it was made/ });
  });

  test("is refused when it is older than one that was seen, signed by another key, or no longer signed", async () => {
    const seen = { version: "1.1.0", signer: key.publicKey };
    await assert.rejects(check(await signed(), { seen }), { code: "SIGNATURE_REPLAYED", message: /1\.1\.0/ });
    const newer = await signed("1.2.0");
    assert.notEqual(await check(newer, { seen, version: "1.2.0" }), undefined);
    const foreign = await signed("1.2.0", other);
    await assert.rejects(check(foreign, { seen, version: "1.2.0" }), { code: "SIGNER_UNKNOWN" });
    const named = await config(`signers: { new-key: "${other.publicKey}" }`);
    assert.equal((await check(foreign, { seen, version: "1.2.0", config: named }))?.name, "new-key");
    rmSync(join(newer, "plugin.sig.json"));
    await assert.rejects(check(newer, { seen, version: "1.2.0" }), { code: "SIGNATURE_MISSING" });
  });
});

describe("plugin sign", () => {
  test("takes what git knows, and leaves out packages and what is ignored", async () => {
    const folder = write(join(root, `plugin-${(made += 1)}`), {
      ...pluginFiles("notes"),
      ".gitignore": "secret.env\n",
      "secret.env": "TOKEN=1",
      "node_modules/x/index.js": "",
    });
    git(folder, "init", "-q", "-b", "main");
    await assert.rejects(async () => {
      write(folder, { "only.txt": "" });
      git(folder, "add", "only.txt");
      await signPlugin({ folder, key });
    }, /git does not know plugin\.yaml/);
    git(folder, "add", ".gitignore", "plugin.yaml", "src");
    const report = await signPlugin({ folder, key });
    assert.deepEqual([report.files, report.fromGit], [5, true]);
    write(folder, { "src/greeting.ts": "changed" });
    await assert.rejects(signPlugin({ folder, key }), {
      message: /greeting\.ts' is not what git would commit/,
      hint: /git add src\/greeting\.ts/,
    });
    git(folder, "update-index", "--chmod=+x", "src/index.ts");
    git(folder, "add", "src/greeting.ts");
    await signPlugin({ folder, key });
    git(folder, "add", "plugin.sig.json");
    git(folder, "commit", "-q", "-m", "1.0.0");
    const clone = join(root, `plugin-${(made += 1)}`);
    git(root, "clone", "-q", folder, clone);
    rmSync(join(clone, ".git"), { recursive: true });
    assert.equal((await check(clone))?.publicKey, key.publicKey);
  });

  test("refuses a private key among the files, links, and packages that nothing pins", async () => {
    const folder = write(join(root, `plugin-${(made += 1)}`), pluginFiles("notes"));
    await cp(join(root, "one.key"), join(folder, "src", "k.pem"));
    await assert.rejects(signPlugin({ folder, key }), { message: /k\.pem' holds a private key/ });
    rmSync(join(folder, "src", "k.pem"));
    symlinkSync("index.ts", join(folder, "src", "link.ts"));
    await assert.rejects(signPlugin({ folder, key }), { message: /link\.ts' is no regular file/ });
    rmSync(join(folder, "src", "link.ts"));
    write(folder, { "package.json": '{ "dependencies": { "left-pad": "^1.0.0" } }' });
    await assert.rejects(signPlugin({ folder, key }), { code: "PLUGIN_IMPORT", hint: /package-lock/ });
  });
});

describe("plugin pack", () => {
  const long = `src/${"very-long-folder-name/".repeat(10)}ä-${"x".repeat(120)}.ts`;

  test("gives the same bytes whatever times, umask and order the files have", async () => {
    const files = {
      ...pluginFiles("notes"),
      [long]: "x".repeat(100_000),
      tool: { content: "x", mode: 0o755 },
    };
    const one = write(join(root, `plugin-${(made += 1)}`), files);
    const two = write(
      join(root, `plugin-${(made += 1)}`),
      Object.fromEntries(Object.entries(files).toReversed()),
    );
    chmodSync(join(two, "plugin.yaml"), 0o600);
    mkdirSync(join(two, "empty"));
    const [first, second] = [await packPlugin(one), await packPlugin(two)];
    assert.equal(first.digest, second.digest);
    assert.deepEqual(first.bytes, second.bytes);
    // Pinned: another machine, another Node and another zlib must give these bytes, too.
    const fixed = write(join(root, `plugin-${(made += 1)}`), {
      "plugin.yaml": "name: a\nversion: 1.0.0\n",
      "src/index.ts": "",
    });
    assert.equal(
      (await packPlugin(fixed)).digest,
      "sha256-6d543156ca8c1eacbfcfcb27355b3b4af65164ac8dbf14862f237cc6548a0f57",
    );
  });

  test("is unpacked to what was signed, signature and all", async () => {
    const folder = write(join(root, `plugin-${(made += 1)}`), { ...pluginFiles("notes"), [long]: "x" });
    await signPlugin({ folder, key });
    const { bytes, signer } = await packPlugin(folder);
    assert.equal(signer, key.publicKey);
    const file = join(root, "pack.tgz");
    writeFileSync(file, bytes);
    const unpacked = join(root, `unpacked-${(made += 1)}`);
    mkdirSync(unpacked);
    await unpackTarball(
      { file, label: "pack.tgz", caps: defaultCaps },
      new StagedTree(unpacked, defaultCaps),
    );
    assert.equal((await check(join(unpacked, "package")))?.publicKey, key.publicKey);
  });

  test("leaves out the archive that an earlier one left in the folder, and so does an installation from it", async () => {
    const folder = await signed();
    const first = await packPlugin(folder);
    writeFileSync(join(folder, first.fileName), first.bytes);
    assert.equal((await packPlugin(folder)).digest, first.digest);
    const copied = join(root, `copied-${(made += 1)}`);
    await copyFolder(folder, new StagedTree(copied, defaultCaps));
    assert.equal((await check(copied))?.publicKey, key.publicKey);
  });

  test("refuses a signature that no longer fits the files", async () => {
    const folder = await signed();
    write(folder, { "src/greeting.ts": "changed" });
    await assert.rejects(packPlugin(folder), { code: "SIGNATURE_INVALID", hint: /sign it anew/i });
  });
});

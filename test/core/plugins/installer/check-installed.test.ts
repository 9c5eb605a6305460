// plugin verify and sync: what differs from xcore.lock is found and named; what an older xcore left out is added.
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ajv } from "ajv";
import formats from "ajv-formats";
import { sarifOf } from "../../../../src/cli/render/sarif.ts";
import { readConfig } from "../../../../src/core/config/read.ts";
import { addPlugin } from "../../../../src/core/plugins/installer/add.ts";
import { verifyPlugins } from "../../../../src/core/plugins/installer/check-installed.ts";
import { syncPlugins } from "../../../../src/core/plugins/installer/sync.ts";
import { verifiedEntry } from "../../../../src/core/plugins/installer/verify.ts";
import { verifyRules, type VerifyFinding } from "../../../../src/core/plugins/installer/verify-findings.ts";
import { lockPath, readLock, storeFolder } from "../../../../src/core/plugins/lock.ts";
import { newKey, readSigningKey } from "../../../../src/core/plugins/signatures/keys.ts";
import { signPlugin } from "../../../../src/core/plugins/signatures/sign.ts";
import { makeProject, pluginFiles, write, type Project } from "./workspace.ts";

const trial = async (): Promise<void> => undefined;

async function install(project: Project, source: string): Promise<string> {
  const { config } = project;
  const options = { config, cwd: project.folder, source, consent: async () => true, trial };
  const { name, entry } = await addPlugin(options);
  return storeFolder(config.stateFolder, name, entry);
}

const shown = (findings: readonly VerifyFinding[]): string[] =>
  findings.map(({ rule, path }) => `${rule} ${path.replace(/^\.xcore\/store\/[^/]+\//, "")}`);

describe("plugin verify", () => {
  let project: Project;
  let folder: string;

  before(async () => {
    project = await makeProject();
    write(project.place("notes"), pluginFiles("notes"));
    folder = await install(project, "../notes");
  });
  after(async () => project?.[Symbol.asyncDispose]());

  const findings = async (frozen = false): Promise<VerifyFinding[]> =>
    (await verifyPlugins({ config: project.config, frozen })).findings;

  test("finds nothing where everything is as it was installed", async () => {
    const report = await verifyPlugins({ config: project.config, frozen: true });
    assert.deepEqual(report, { checked: ["notes"], findings: [], linked: [], frozen: true });
  });

  const changes: [string, () => void, string[]][] = [
    ["a changed file", () => writeFileSync(join(folder, "src/index.ts"), "x"), ["file-content src/index.ts"]],
    ["a changed mode", () => chmodSync(join(folder, "src/index.ts"), 0o755), ["file-mode src/index.ts"]],
    ["a missing file", () => rmSync(join(folder, "plugin.yaml")), ["file-missing plugin.yaml"]],
    ["an added file", () => void write(folder, { "src/a/b.ts": "" }), ["file-added src/a/b.ts"]],
    [
      "a link in place of a file",
      () => {
        rmSync(join(folder, "src/greeting.ts"));
        symlinkSync("/etc/passwd", join(folder, "src/greeting.ts"));
      },
      ["file-kind src/greeting.ts"],
    ],
    [
      "several at once",
      () => {
        writeFileSync(join(folder, "src/index.ts"), "x");
        rmSync(join(folder, "src/greeting.ts"));
        write(folder, { more: "" });
      },
      ["missing", "content", "added"],
    ],
    ["files that are not there", () => rmSync(folder, { recursive: true }), ["not-installed xcore.lock"]],
    [
      "files whose list was lost",
      () => {
        rmSync(`${folder}.files`);
        writeFileSync(join(folder, "src/index.ts"), "x");
      },
      ["files"],
    ],
  ];
  for (const [what, change, expected] of changes) {
    test(`finds ${what}`, async () => {
      const kept = project.place("kept");
      await cp(folder, kept, { recursive: true, preserveTimestamps: true });
      await cp(`${folder}.files`, `${kept}.files`);
      change();
      const found = await findings();
      rmSync(folder, { recursive: true, force: true });
      await cp(kept, folder, { recursive: true });
      await cp(`${kept}.files`, `${folder}.files`);
      assert.equal(found.length, expected.length, JSON.stringify(found));
      const rules = shown(found);
      for (const one of expected)
        assert.ok(
          rules.some((rule) => rule.includes(one)),
          `${one}: ${rules.join()}`,
        );
      assert.ok(found.every(({ plugin, message }) => plugin === "notes" && message.includes("notes")));
      assert.deepEqual(await findings(), []);
    });
  }

  test("finds a bundle that is not the pinned one", async () => {
    const file = lockPath(project.folder);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace(/bundle: sha256-[0-9a-f]{64}/, `bundle: sha256-${"0".repeat(64)}`));
    assert.deepEqual(shown(await findings()), ["bundle src/index.ts"]);
    writeFileSync(file, text);
  });

  test("gives SARIF that its schema accepts", async () => {
    const index = join(folder, "src/index.ts");
    const kept = readFileSync(index);
    writeFileSync(index, "x");
    const report = await verifyPlugins({ config: project.config });
    writeFileSync(index, kept);
    const sarif = sarifOf(report, { rules: verifyRules, version: "1.0.0" });
    const schema = JSON.parse(
      readFileSync(new URL("./sarif-subset.schema.json", import.meta.url), "utf8"),
    ) as object;
    const ajv = new Ajv({ strict: false });
    formats.default(ajv);
    const validate = ajv.compile(schema);
    assert.ok(validate(sarif), JSON.stringify(validate.errors));
  });

  describe("--frozen", () => {
    test("fails when integration.yaml speaks of a plugin that is not there, and when less is approved than asked", async () => {
      write(project.place("asks"), pluginFiles("asks", "permissions: { cache: true }\n"));
      await using other = await makeProject(
        "name: shop\nplugins: { nots: { enabled: true }, asks: { allow: { database: true } } }\n",
      );
      await using open = await makeProject();
      await install(open, project.place("asks"));
      await cp(lockPath(open.folder), lockPath(other.folder));
      await cp(open.config.stateFolder, other.config.stateFolder, { recursive: true });
      const found = (await verifyPlugins({ config: other.config, frozen: true })).findings;
      assert.deepEqual(shown(found), ["configuration integration.yaml", "approval xcore.lock"]);
      assert.match(found[1]?.message ?? "", /cache/);
      assert.deepEqual((await verifyPlugins({ config: other.config })).findings, []);
    });

    test("fails for a lock an older xcore wrote, until sync has added what is missing", async () => {
      await using old = await makeProject();
      write(old.place("notes"), pluginFiles("notes"));
      await install(old, "../notes");
      const file = lockPath(old.folder);
      const text = readFileSync(file, "utf8");
      const first = text.replace("version: 2", "version: 1").replaceAll(/^ {4}(bundle|builder): .*\n/gm, "");
      writeFileSync(file, first);
      const found = (await verifyPlugins({ config: old.config, frozen: true })).findings;
      assert.deepEqual(shown(found), ["lock xcore.lock", "lock xcore.lock"]);
      assert.match(found[0]?.message ?? "", /an older xcore wrote it/);
      const report = await syncPlugins({ config: old.config, trial });
      assert.deepEqual([report.kept, report.completed], [["notes"], ["notes"]]);
      assert.equal(readFileSync(file, "utf8"), text);
      assert.deepEqual((await syncPlugins({ config: old.config, trial })).completed, []);
    });
  });
});

describe("a signature", () => {
  test("is checked at add, pinned in xcore.lock, and checked at load and by sync with the policy of now", async () => {
    await using project = await makeProject();
    const file = project.place("a.key");
    await newKey(file);
    const key = await readSigningKey(file, {});
    const folder = write(project.place("notes"), pluginFiles("notes"));
    await signPlugin({ folder, key });
    const installed = await install(project, "../notes");
    const lock = await readLock(project.folder);
    assert.equal(lock.plugins["notes"]?.signer, key.publicKey);
    assert.deepEqual({ ...lock.seen?.["notes"] }, { version: "1.0.0", signer: key.publicKey });
    await verifiedEntry(project.config, { name: "notes", folder: installed });

    await newKey(project.place("b.key"));
    const other = await readSigningKey(project.place("b.key"), {});
    write(project.folder, {
      "integration.yaml": `name: shop\npolicy: { signatures: { require: all, signers: { us: "${other.publicKey}" } } }\n`,
    });
    const strict = await readConfig({ workspace: project.folder, env: {} });
    await assert.rejects(verifiedEntry(strict, { name: "notes", folder: installed }), {
      code: "SIGNER_UNKNOWN",
    });
    assert.deepEqual(shown((await verifyPlugins({ config: strict })).findings), [
      "signature plugin.sig.json",
    ]);
    rmSync(strict.stateFolder, { recursive: true });
    const [failed] = (await syncPlugins({ config: strict, trial })).failed;
    assert.equal(failed?.code, "SIGNER_UNKNOWN");
    assert.ok(!existsSync(installed));
  });

  test("of an older version is refused after a newer one was removed, until the lock is told to forget", async () => {
    await using project = await makeProject();
    const file = project.place("a.key");
    await newKey(file);
    const key = await readSigningKey(file, {});
    for (const version of ["1.0.0", "1.1.0"]) {
      const folder = write(project.place(version), pluginFiles("notes", "", version));
      await signPlugin({ folder, key });
    }
    await install(project, "../1.1.0");
    const { removePlugin } = await import("../../../../src/core/plugins/installer/remove.ts");
    await removePlugin({
      config: project.config,
      name: "notes",
      data: "keep",
      openData: async () => assert.fail("it has no data"),
    });
    const before = project.snapshot();
    await assert.rejects(install(project, "../1.0.0"), { code: "SIGNATURE_REPLAYED", hint: /seen\.notes/ });
    assert.deepEqual(project.snapshot(), before);
    rmSync(lockPath(project.folder));
    await install(project, "../1.0.0");
  });
});

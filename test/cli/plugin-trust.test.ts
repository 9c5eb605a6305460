// From a key to a plugin that is published, found, installed, verified and looked through: the built command line all the way.
import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFileSync, existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pluginFiles, write } from "../core/plugins/installer/workspace.ts";
import { until } from "../support/workspace.ts";
import { start, xcore, type Ended } from "./support/run.ts";

describe("signed plugins and registries", () => {
  let root: string;
  let shop: string;
  let publicKey: string;

  before(async () => {
    root = await mkdtemp(join(tmpdir(), "xcore-trust-"));
    shop = join(root, "shop");
    write(
      join(root, "mail"),
      pluginFiles("mail", "description: Sends mail.\npermissions: { cache: true }\n"),
    );
  });
  after(() => rm(root, { recursive: true, force: true }));

  const run = (folder: string, ...args: string[]): Promise<Ended> =>
    xcore(args, { cwd: folder, env: { XDG_CONFIG_HOME: join(root, "config"), XCORE_SIGNING_KEY: "" } });
  const here = (...args: string[]): Promise<Ended> => run(root, ...args);
  const inShop = (...args: string[]): Promise<Ended> => run(shop, "plugin", ...args);
  const json = (ended: Ended): Record<string, unknown> => JSON.parse(ended.stdout) as Record<string, unknown>;

  test("key new makes one key, and no second one over it; key show shows the public half alone", async () => {
    const made = await here("key", "new");
    assert.equal(made.code, 0, made.stderr);
    publicKey = made.stdout.trim();
    assert.match(publicKey, /^ed25519:[A-Za-z0-9+/]{43}=$/);
    const file = join(root, "config", "xcore", "signing.key");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(made.stderr, /fingerprint is SHA256:/);
    const again = await here("key", "new");
    assert.deepEqual([again.code, /never replaced/.test(again.stderr)], [73, true]);
    const shown = await here("key", "show", "--json");
    assert.equal(json(shown)["publicKey"], publicKey);
    assert.doesNotMatch(shown.stdout, /PRIVATE/);
  });

  test("pack gives the same digest twice; publish says what it wrote, and nothing the second time", async () => {
    assert.equal((await here("plugin", "sign", "mail")).code, 0);
    const digests = await Promise.all(
      ["a", "b"].map(
        async (out) => json(await here("plugin", "pack", "mail", "--out", out, "--json"))["digest"],
      ),
    );
    assert.equal(digests[0], digests[1]);
    assert.ok(existsSync(join(root, "a", "mail-1.0.0.tgz")));
    const first = await here("plugin", "publish", "mail", "--to", "registry");
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(first.stdout.trim().split("\n"), [
      "registry/packs/mail/mail-1.0.0.tgz",
      "registry/index/index.json",
    ]);
    assert.match((await here("plugin", "publish", "mail", "--to", "registry")).stderr, /byte for byte/);
  });

  test("search and info find it, add installs it with the signer's name, verify finds nothing", async () => {
    write(shop, {
      "integration.yaml": `name: shop
registries: { ours: { url: ../registry, keys: ["${publicKey}"] } }
policy: { signatures: { require: all, signers: { our-team: "${publicKey}" } } }
`,
    });
    const found = await inShop("search", "sends");
    assert.match(found.stdout, /mail +1\.0\.0 +ours +Sends mail\./);
    const info = await inShop("info", "mail");
    assert.match(info.stdout, /signature +signed by our-team[^]*asks to +keep entries/);
    const added = await inShop("add", "mail@^1.0.0", "--allow", "cache");
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stderr, /from mail@1\.0\.0 of \.\.\/registry, signed by our-team \(SHA256:/);
    const verified = await inShop("verify", "--frozen");
    assert.deepEqual([verified.code, verified.stdout], [0, ""]);
    const audit = json(await inShop("audit", "mail", "--json"));
    assert.deepEqual(audit["unused"], ["cache"]);
  });

  test("verify names a changed file, ends with 65, speaks JSON and SARIF; sync brings it back", async () => {
    const store = join(shop, ".xcore", "store");
    const name = readdirSync(store).find((one) => !one.endsWith(".files")) ?? "";
    appendFileSync(join(store, name, "src", "index.ts"), "// changed\n");
    const verified = await inShop("verify");
    assert.equal(verified.code, 65);
    assert.match(verified.stdout, /src\/index\.ts.* was changed \(file-content\)/);
    const findings = json(await inShop("verify", "--json"))["findings"] as { rule: string }[];
    assert.deepEqual(
      findings.map(({ rule }) => rule),
      ["file-content"],
    );
    const sarif = await inShop("verify", "--sarif");
    assert.equal(sarif.code, 65);
    assert.equal(json(sarif)["version"], "2.1.0");
    assert.equal((await inShop("sync")).code, 0);
    assert.equal((await inShop("verify")).code, 0);
  });

  test("a server does not load what is signed by nobody that is trusted now, and says so", async () => {
    const yaml = readFileSync(join(shop, "integration.yaml"), "utf8");
    const other = await run(root, "key", "new", join(root, "other.key"));
    write(shop, {
      "integration.yaml": `${yaml.replace(/our-team: "[^"]*"/, `them: "${other.stdout.trim()}"`)}server: { port: 0 }\n`,
    });
    const server = start(["serve"], { cwd: shop });
    server.stdout.resume();
    try {
      let said = "";
      for await (const text of server.stderr.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
        said += String(text);
        if (/is ready at/.test(said)) break;
      }
      server.stderr.resume();
      const [mail] = await until(
        async () =>
          json(await inShop("list", "--json"))["plugins"] as {
            state: string;
            reason: { code: string; message: string };
          }[],
        ([one]) => one?.state !== "loading" && one?.state !== "installed",
      );
      assert.deepEqual([mail?.state, mail?.reason.code], ["failed", "SIGNER_UNKNOWN"]);
      assert.match(mail?.reason.message ?? "", /none of the trusted signers \(them\)/);
    } finally {
      server.kill("SIGTERM");
      await once(server, "close");
      write(shop, { "integration.yaml": yaml });
    }
  });

  test("a plugin that is not signed is refused with 77 and what to do", async () => {
    write(join(root, "plain"), pluginFiles("plain"));
    const lock = readFileSync(join(shop, "xcore.lock"));
    const refused = await inShop("add", "../plain");
    assert.equal(refused.code, 77);
    assert.match(refused.stderr, /is not signed[^]*SIGNATURE_MISSING[^]*xcore plugin sign/);
    assert.deepEqual(readFileSync(join(shop, "xcore.lock")), lock);
  });
});

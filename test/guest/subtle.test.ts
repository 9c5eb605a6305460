// crypto.subtle inside: what it makes is what Node's own makes, and what the web refuses is refused.
import assert from "node:assert/strict";
import type { webcrypto } from "node:crypto";
import { after, before, suite, test } from "node:test";
import { Guest } from "./harness.ts";

const plugin = `import { definePlugin } from "xcore/plugin";
export default definePlugin({ actions: { run: {
  run: (body) => new (async () => {}).constructor("subtle", "text", "hex", "unhex", body)(
    crypto.subtle,
    (given) => new TextEncoder().encode(given),
    (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    (given) => Uint8Array.from(given.match(/../g) ?? [], (pair) => parseInt(pair, 16)),
  ),
} } });`;

const { subtle } = crypto;
const text = (given: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(given);
const hex = (buffer: ArrayBuffer): string => Buffer.from(buffer).toString("hex");

suite("crypto.subtle", () => {
  let guest: Guest;
  before(async () => {
    guest = await Guest.load(plugin);
  });
  after(() => guest[Symbol.dispose]());
  const run = (body: string): Promise<unknown> => guest.call("action", "run", body);

  for (const hash of ["SHA-1", "SHA-256", "SHA-384", "SHA-512"]) {
    test(`${hash} and HMAC with it give what Node gives`, async () => {
      assert.equal(
        await run(`return hex(await subtle.digest("${hash}", text("abc")))`),
        hex(await subtle.digest(hash, text("abc"))),
      );
      const key = await subtle.importKey("raw", text("key"), { name: "HMAC", hash }, false, ["sign"]);
      assert.deepEqual(
        await run(`
          const key = await subtle.importKey("raw", text("key"), { name: "hmac", hash: "${hash}" }, false, ["sign", "verify"]);
          const mac = await subtle.sign("HMAC", key, text("abc"));
          const good = await subtle.verify("HMAC", key, mac, text("abc"));
          const bad = await subtle.verify("HMAC", key, mac, text("abd"));
          const short = await subtle.verify("HMAC", key, mac.slice(1), text("abc"));
          return { mac: hex(mac), good, bad, short };`),
        { mac: hex(await subtle.sign("HMAC", key, text("abc"))), good: true, bad: false, short: false },
      );
    });
  }

  test("Ed25519 signs what Node verifies, and verifies what Node signs", async () => {
    const pair = (await subtle.generateKey("Ed25519", true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
    const signature = await subtle.sign("Ed25519", pair.privateKey, text("abc"));
    const { kty, crv, x, d } = await subtle.exportKey("jwk", pair.privateKey);
    const jwk = { kty, crv, x, d, ext: true, key_ops: ["sign"] };
    const raw = hex(await subtle.exportKey("raw", pair.publicKey));
    assert.deepEqual(
      await run(`
        const key = await subtle.importKey("jwk", ${JSON.stringify(jwk)}, "Ed25519", true, ["sign"]);
        const check = await subtle.importKey("raw", unhex("${raw}"), "Ed25519", true, ["verify"]);
        const given = unhex("${hex(signature)}");
        return {
          signature: hex(await subtle.sign("Ed25519", key, text("abc"))),
          good: await subtle.verify("Ed25519", check, given, text("abc")),
          bad: await subtle.verify("Ed25519", check, given, text("abd")),
          jwk: await subtle.exportKey("jwk", key),
        };`),
      // Ed25519 is deterministic.
      {
        signature: hex(signature),
        good: true,
        bad: false,
        jwk,
      },
    );
  });

  test("AES-GCM opens what Node sealed, and says no more than that it can't", async () => {
    const iv = new Uint8Array(12).fill(7);
    const key = await subtle.importKey("raw", new Uint8Array(32).fill(3), "AES-GCM", false, ["encrypt"]);
    const sealed = await subtle.encrypt(
      { name: "AES-GCM", iv, additionalData: text("ad") },
      key,
      text("abc"),
    );
    const setup = `
      const key = await subtle.importKey("raw", new Uint8Array(32).fill(3), "AES-GCM", false, ["encrypt", "decrypt"]);
      const with_ = { name: "AES-GCM", iv: new Uint8Array(12).fill(7), additionalData: text("ad") };
      const sealed = unhex("${hex(sealed)}");`;
    assert.deepEqual(
      await run(`${setup}
        const opened = await subtle.decrypt(with_, key, sealed);
        return [hex(opened), hex(await subtle.encrypt(with_, key, opened))];`),
      [hex(text("abc").buffer), hex(sealed)],
    );
    assert.equal(
      await run(`${setup} sealed[0] ^= 1; return subtle.decrypt(with_, key, sealed).catch((e) => e.name)`),
      "OperationError",
    );
  });

  test("new keys are random, pairs fit together, and JWK brings them back", async () => {
    assert.deepEqual(
      await run(`
        const make = () => subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign", "verify"]);
        const [one, two] = await Promise.all([make(), make()]);
        const jwk = await subtle.exportKey("jwk", one);
        const back = await subtle.importKey("jwk", jwk, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
        const pair = await subtle.generateKey("Ed25519", false, ["sign", "verify"]);
        const signature = await subtle.sign("Ed25519", pair.privateKey, text("abc"));
        return {
          differ: jwk.k !== (await subtle.exportKey("jwk", two)).k,
          length: one.algorithm.length,
          same: await subtle.verify("HMAC", back, await subtle.sign("HMAC", one, text("x")), text("x")),
          fit: await subtle.verify("Ed25519", pair.publicKey, signature, text("abc")),
          leaves: [pair.publicKey.extractable, pair.privateKey.extractable],
        };`),
      { differ: true, length: 512, same: true, fit: true, leaves: [true, false] },
    );
  });

  const refusals: Record<string, [code: string, error: string]> = {
    "an unknown hash": [`subtle.digest("MD5", text("a"))`, "NotSupportedError"],
    "an unknown algorithm": [`subtle.generateKey({ name: "RSA-PSS" }, true, ["sign"])`, "NotSupportedError"],
    "an unknown format": [`subtle.importKey("spki", text("a"), "Ed25519", true, [])`, "NotSupportedError"],
    "a key of the wrong length": [
      `subtle.importKey("raw", text("a"), "Ed25519", true, ["verify"])`,
      "DataError",
    ],
    "an empty secret": [
      `subtle.importKey("raw", text(""), { name: "HMAC", hash: "SHA-256" }, true, ["sign"])`,
      "DataError",
    ],
    "a secret without use": [
      `subtle.importKey("raw", text("a"), { name: "HMAC", hash: "SHA-256" }, true, [])`,
      "SyntaxError",
    ],
    "a use the algorithm does not have": [
      `subtle.importKey("raw", new Uint8Array(16), "AES-GCM", true, ["sign"])`,
      "SyntaxError",
    ],
    "a use the key was not made for": [
      `subtle.importKey("raw", text("a"), { name: "HMAC", hash: "SHA-256" }, true, ["verify"]).then((key) => subtle.sign("HMAC", key, text("a")))`,
      "InvalidAccessError",
    ],
    "a key of another algorithm": [
      `subtle.importKey("raw", text("a"), { name: "HMAC", hash: "SHA-256" }, true, ["sign"]).then((key) => subtle.sign("Ed25519", key, text("a")))`,
      "InvalidAccessError",
    ],
    "to export what is not extractable": [
      `subtle.importKey("raw", text("a"), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]).then((key) => subtle.exportKey("raw", key))`,
      "InvalidAccessError",
    ],
    "a JWK whose halves do not belong together": [
      `subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", d: "${"A".repeat(43)}", x: "${"A".repeat(43)}" }, "Ed25519", true, ["sign"])`,
      "DataError",
    ],
    "a forged key": [
      `subtle.sign("HMAC", { __proto__: CryptoKey.prototype, algorithm: { name: "HMAC" }, usages: ["sign"] }, text("a"))`,
      "TypeError",
    ],
    "a tag that is cut short": [
      `subtle.importKey("raw", new Uint8Array(16), "AES-GCM", true, ["encrypt"]).then((key) => subtle.encrypt({ name: "AES-GCM", iv: new Uint8Array(12), tagLength: 32 }, key, text("a")))`,
      "NotSupportedError",
    ],
  };
  for (const [what, [code, error]] of Object.entries(refusals)) {
    test(`refuses ${what}`, async () => {
      assert.equal(await run(`return ${code}.then(() => "done", (thrown) => thrown.name)`), error);
    });
  }

  test("a key shows nothing of its bytes", async () => {
    assert.equal(
      await run(`
        const key = await subtle.importKey("raw", text("secret"), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
        return JSON.stringify([key, Reflect.ownKeys(key), Object.isFrozen(key)]);`),
      JSON.stringify([
        {
          type: "secret",
          extractable: false,
          algorithm: { name: "HMAC", hash: { name: "SHA-256" }, length: 48 },
          usages: ["sign"],
        },
        ["type", "extractable", "algorithm", "usages"],
        true,
      ]),
    );
  });
});

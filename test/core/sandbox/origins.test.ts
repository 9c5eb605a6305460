// On whose behalf a host call is made, when a plugin that has taken over its runtime says whatever it likes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallOrigin } from "../../../src/core/base/origin.ts";
import { testTenant } from "../../support/services.ts";
import { testPool } from "./pool.ts";
import { rawOptions } from "./raw.ts";

const pool = await testPool();

test("a host call has the tenant of the call it names, and none when that is not under way", async () => {
  const seen: (CallOrigin | undefined)[] = [];
  // Says a host call for whatever call the payload names, `own` being the one it came with.
  const liar = `onRecord(r, say) {
    if (r[0] === "C") {
      const id = idOf(r), named = JSON.parse(r.slice(r.indexOf("\\n") + 2));
      (this.waiting ??= []).push(id);
      say("H" + (this.next = (this.next ?? 0) + 1) + " " + (named === "own" ? id : named) + " some.call\\n{}");
    } else if (r[0] === "R") say("V" + this.waiting.shift() + "\\nnull");
  }`;
  const sandbox = await pool.open(
    rawOptions(liar, {
      onHostCall: ({ origin }) => {
        seen.push(origin);
        return Promise.resolve(null);
      },
    }),
  );
  const acme = { tenant: testTenant("acme") };
  const say = (named: unknown, origin?: CallOrigin) =>
    sandbox.call("action", "x", named as string, {
      timeoutMs: 60_000,
      ...(origin === undefined ? {} : { origin }),
    });
  await say("own", acme);
  await say("own");
  for (const forged of [0, 1, 2, 999, 4_000_000_000]) await say(forged, acme);
  assert.equal(seen[0]?.tenant?.id, "acme");
  assert.deepEqual(seen[1], {}, "one of no tenant is under way, too");
  assert.deepEqual(
    seen.slice(2),
    Array.from({ length: 5 }, () => undefined),
  );
  await sandbox.close();
});

test("a log line has the tenant of the call it names while that is under way", async () => {
  const tenants: (string | undefined)[] = [];
  const writer = `onRecord(r, say) {
    if (r[0] !== "C") return;
    const id = idOf(r), line = '\\n{"message":"m","fields":{}}';
    say("Linfo " + id + line);
    say("Linfo" + line);
    say("Linfo 999" + line);
    say("V" + id + "\\nnull");
    say("Linfo " + id + line);
  }`;
  const sandbox = await pool.open(
    rawOptions(writer, { onLog: ({ origin }) => void tenants.push(origin?.tenant?.id) }),
  );
  const origin = { tenant: testTenant("acme") };
  await sandbox.call("action", "x", null, { timeoutMs: 60_000, origin });
  await sandbox.call("action", "x", null, { timeoutMs: 60_000 });
  assert.deepEqual(tenants.slice(0, 4), ["acme", undefined, undefined, undefined]);
  assert.ok(tenants.slice(4).every((tenant) => tenant === undefined));
  await sandbox.close();
});

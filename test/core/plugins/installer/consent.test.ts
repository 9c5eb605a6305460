// What a plugin asks for, in words and as a flag.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allowText,
  asksOf,
  consentByAllow,
  consentWithoutTerminal,
  parseAllow,
  type ConsentRequest,
} from "../../../../src/core/plugins/installer/consent.ts";
import { unapproved } from "../../../../src/core/plugins/approval.ts";
import type { Permissions } from "../../../../src/core/config/config.ts";

const all: Permissions = {
  database: true,
  cache: true,
  jobs: true,
  fetch: ["api.example.com", "*.example.org"],
  call: ["mailer.send", "crm.*"],
  events: { publish: ["note.*"], subscribe: ["*"] },
  secrets: ["TOKEN"],
  services: ["mail"],
};

function request(permissions: Permissions): ConsentRequest {
  const asks = asksOf(permissions);
  const allow = allowText(asks);
  return {
    name: "notes",
    version: "1.0.0",
    description: "",
    origin: "x",
    permissions,
    asks,
    allow,
    signature: "not signed",
    trusted: false,
    before: undefined,
  };
}

test("asks are in words, what reaches out comes first and what only takes room comes last", () => {
  assert.deepEqual(
    asksOf(all).map((ask) => ask.words),
    [
      "exchange data with any host under example.org over the network",
      "read the secret TOKEN",
      "exchange data with api.example.com over the network",
      "use this server's service mail",
      "have the plugin mailer do 'send'",
      "have the plugin crm do anything it offers",
      "hear every event",
      "publish the events note.*",
      "keep data in a database schema of its own",
      "run jobs in the background and on a schedule",
      "keep entries of its own in the cache",
    ],
  );
});

test("the flag that is offered to copy covers exactly what is asked for", async () => {
  const allowed = parseAllow([request(all).allow]);
  assert.deepEqual(unapproved(all, allowed), []);
  assert.deepEqual(unapproved(allowed, all), []);
  assert.equal(await consentByAllow(allowed)(request(all)), true);
});

test("--allow that covers less is refused, naming each that is missing", async () => {
  const allowed = parseAllow(["database", "cache,jobs", "fetch=*.example.org", "publish=*", "call=crm.*"]);
  await assert.rejects(consentByAllow(allowed)(request(all)), {
    code: "CONSENT_REFUSED",
    message: /: secret=TOKEN,fetch=api\.example\.com,service=mail,call=mailer\.send,subscribe=\*$/,
    hint: /--allow 'fetch=\*\.example\.org,secret=TOKEN,/,
  });
});

test("a wider --allow covers a narrower wish", async () => {
  const narrow = { ...all, fetch: ["api.example.org"], call: ["crm.find"] };
  const allowed = parseAllow([
    "database,cache,jobs,fetch=*.example.org,call=crm.*,publish=*,subscribe=*,secret=TOKEN,service=mail",
  ]);
  assert.equal(await consentByAllow(allowed)(request(narrow)), true);
});

test("without a terminal a plugin that asks for nothing is let in, any other is refused with the flag to copy", async () => {
  const nothing = parseAllow([]);
  assert.equal(await consentWithoutTerminal(request(nothing)), true);
  await assert.rejects(consentWithoutTerminal(request({ ...nothing, database: true })), {
    code: "CONSENT_REFUSED",
    hint: "If you want that, run it with: --allow database",
  });
});

for (const [text, pattern] of [
  ["databse", /did you mean 'database'/],
  ["fetch", /write 'fetch=…'/],
  ["fetch=http://x/", /expected a host/],
  ["database=yes", /takes no value/],
  ["everything", /known are database/],
  ["call=send", /expected an action/],
  ["__proto__=x", /known are/],
] as const) {
  test(`--allow ${text} is a wrong use`, () => {
    assert.throws(() => parseAllow([text]), { code: "USAGE", message: pattern });
  });
}

test("of a plugin that was let in before, only what is new is asked for", async () => {
  const before = asksOf({ ...all, fetch: ["*.example.com"], secrets: [] });
  const update = { ...request(all), before };
  await assert.rejects(consentWithoutTerminal(update), {
    code: "CONSENT_REFUSED",
    message: /asks for fetch=\*\.example\.org,secret=TOKEN, and/,
  });
  assert.equal(await consentByAllow(parseAllow(["fetch=*.example.org,secret=TOKEN"]))(update), true);
  await assert.rejects(consentByAllow(parseAllow(["secret=TOKEN"]))(update), {
    message: /covers: fetch=\*\.example\.org$/,
  });
  assert.equal(await consentWithoutTerminal({ ...update, before: asksOf(all) }), true);
});

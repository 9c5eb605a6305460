import assert from "node:assert/strict";
import { test } from "node:test";
import { XcoreError } from "../../../src/core/base/error.ts";
import { durationPattern } from "../../../src/core/base/units.ts";
import { checkOptions, withPlace } from "../../../src/core/config/check-options.ts";
import { readConfig } from "../../../src/core/config/read.ts";
import { makeProject } from "./project.ts";

const schema = {
  type: "object",
  required: ["url"],
  additionalProperties: false,
  properties: {
    url: { type: "string", pattern: "^postgres://", examples: ["postgres://host/db"] },
    poolSize: { type: "integer", minimum: 1, default: 10 },
    ssl: {
      anyOf: [
        { type: "boolean" },
        { type: "object", properties: { ca: { type: "string" } }, additionalProperties: false },
      ],
    },
  },
};

async function check(yaml: string, env: Record<string, string> = {}, own: object = schema) {
  await using project = await makeProject({
    "integration.yaml": `name: a\nservices:\n  database: ${yaml}\n`,
  });
  const config = await readConfig({ workspace: project.folder, env });
  const options = config.services["database"]?.options ?? {};
  return checkOptions({
    file: config.file,
    path: ["services", "database"],
    schema: own,
    options,
    code: "CONFIG_INVALID",
  });
}

async function messageOf(yaml: string, env: Record<string, string> = {}, own?: object) {
  const error = await check(yaml, env, own).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof XcoreError, String(error));
  return error.message;
}

test("options are completed by defaults, and text from variables becomes what the schema wants", async () => {
  assert.deepEqual(await check("{ url: 'postgres://h/d' }"), { url: "postgres://h/d", poolSize: 10 });
  const given = await check("{ url: ${U}, poolSize: ${P}, ssl: ${S} }", {
    U: "postgres://h/d",
    P: "5",
    S: "true",
  });
  assert.deepEqual(given, { url: "postgres://h/d", poolSize: 5, ssl: true });
});

test("faults stand at their line and column in integration.yaml", async () => {
  const message = await messageOf("{ url: 'mysql://h/d', poolSize: 0, pollSize: 1 }");
  assert.match(
    message,
    /integration\.yaml:3:20 {2}services\.database\.url: expected a value such as "postgres:\/\/host\/db"/,
  );
  assert.match(message, /services\.database\.poolSize: expected a number of at least 1, got the number 0/);
  assert.match(message, /unknown key 'pollSize'; did you mean 'poolSize'\?/);
  assert.match(await messageOf("{ poolSize: 3 }"), /missing key 'url'/);
});

test("of a choice the branch that was meant is named, or all of them", async () => {
  const url = "url: 'postgres://h/d'";
  assert.match(await messageOf(`{ ${url}, ssl: { cert: x } }`), /ssl\.cert: unknown key 'cert'/);
  assert.match(
    await messageOf(`{ ${url}, ssl: [1] }`),
    /ssl: expected true or false, or a map of keys and values, got a list/,
  );
});

test("what came from a variable is not shown", async () => {
  const message = await messageOf("{ url: ${U} }", { U: "hunter2" });
  assert.match(message, /got a value that is not shown/);
  assert.doesNotMatch(message, /hunter2/);
});

test("sizes and durations of a service's options are asked for with their units", async () => {
  const own = {
    type: "object",
    properties: { ttl: { type: "string", pattern: durationPattern, examples: ["10m"] } },
  };
  assert.match(
    await messageOf("{ ttl: 5 hours }", {}, own),
    /expected a duration such as .*\(units ms, s, m, h, d\), got the text "5 hours"; did you mean '5h'\?/,
  );
});

test("a stranger's pattern without end is given up, and so is a schema that refers to itself for ever", async () => {
  const slow = { type: "object", properties: { url: { type: "string", pattern: "^(a+)+$" } } };
  assert.match(await messageOf(`{ url: ${"a".repeat(60)}b }`, {}, slow), /can't be checked: .*timed out/);
  assert.match(await messageOf("{ url: x }", {}, { allOf: [{ $ref: "#" }] }), /can't be checked/);
});

test("an error about a key gets the key's place", async () => {
  await using project = await makeProject({
    "integration.yaml": "name: a\nservices: { cache: { driver: rediss } }",
  });
  const error = new XcoreError("CONFIG_INVALID", "services.cache.driver: there is no driver 'rediss'", {
    hint: "Write redis.",
  });
  const placed = withPlace(error, `${project.folder}/integration.yaml`, ["services", "cache", "driver"]);
  assert.match(
    placed.message,
    /integration\.yaml:2:30 {2}services\.cache\.driver: there is no driver 'rediss'\n/,
  );
  assert.equal(placed.hint, "Write redis.");
  assert.equal(withPlace(error, `${project.folder}/none.yaml`, []), error);
});

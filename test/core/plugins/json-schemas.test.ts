import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Ajv } from "ajv";
import { jsonSchemas } from "../../../src/core/plugins/json-schemas.ts";

for (const [name, text] of Object.entries(jsonSchemas())) {
  test(`schemas/${name} is what the source says (node scripts/schemas.ts writes it)`, async () => {
    const file = new URL(`../../../schemas/${name}`, import.meta.url);
    assert.equal(await readFile(file, "utf8"), text);
  });

  test(`${name} describes every key`, () => {
    const visit = (schema: object, path: string): void => {
      for (const [key, inner] of Object.entries(
        Object(Reflect.get(schema, "properties")) as Record<string, object>,
      )) {
        assert.ok(Reflect.get(inner, "description"), `${path}.${key}`);
        visit(inner, `${path}.${key}`);
      }
    };
    visit(JSON.parse(text) as object, name);
  });
}

test("an editor accepts a variable where a number is expected", () => {
  const validate = new Ajv({ strict: false }).compile(
    JSON.parse(jsonSchemas()["integration.schema.json"] ?? "{}") as object,
  );
  assert.ok(validate({ name: "a", server: { port: "${PORT:-1}", maxBody: "${BODY}" } }));
  assert.ok(!validate({ name: "a", server: { port: "eighty" } }));
});

// The plugin as a server runs it: in an isolate, with a database of its own that goes when the test ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openPlugin } from "xcore/testing";

test("an entry that was added is listed", async () => {
  await using plugin = await openPlugin(import.meta.url);
  const added = await plugin.request("/", {
    method: "POST",
    body: JSON.stringify({ author: "Ada", message: "Hello" }),
  });
  assert.equal(added.status, 201);
  const entries = (await (await plugin.request("/")).json()) as { author: string; message: string }[];
  assert.deepEqual(
    entries.map(({ author, message }) => [author, message]),
    [["Ada", "Hello"]],
  );
});

test("what is not an entry is refused", async () => {
  await using plugin = await openPlugin(import.meta.url);
  const refused = await plugin.request("/", { method: "POST", body: '{"author": 1}' });
  assert.equal(refused.status, 422);
});

test("the cleanup removes entries that are too old and no others", async () => {
  await using plugin = await openPlugin(import.meta.url, { config: { keepDays: 1 } });
  await plugin.request("/", { method: "POST", body: JSON.stringify({ author: "Ada", message: "Hello" }) });
  assert.deepEqual(await plugin.job("cleanup"), { removed: 0 });
});

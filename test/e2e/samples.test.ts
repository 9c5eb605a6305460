// The sample plugins on a real core: embedded Postgres, real isolates.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  openTestCore,
  testWorkspace,
  until,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

describe("the sample plugins", () => {
  let workspace: TestWorkspace;
  let server: TestCore;

  before(async () => {
    workspace = await testWorkspace();
    for (const name of ["hello", "notes", "mailer", "links"]) await workspace.copyPlugin(name);
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  const json = (path: string, body: unknown): Promise<Response> =>
    server.get(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });

  test("all are ready", async () => {
    const { plugins, healthy, problems } = await server.core.status();
    assert.deepEqual(
      plugins.map((plugin) => [plugin.name, plugin.state]),
      [
        ["hello", "ready"],
        ["links", "ready"],
        ["mailer", "ready"],
        ["notes", "ready"],
      ],
    );
    assert.deepEqual([healthy, problems], [true, []]);
  });

  test("hello greets by its options", async () => {
    assert.deepEqual(await (await server.get("/app/hello/")).json(), { message: "Hello, world!" });
    assert.deepEqual(await (await server.get("/app/hello/Ada")).json(), { message: "Hello, Ada!" });
  });

  test("notes are created, listed through the cache, shown and removed; events count them", async () => {
    const created = await json("/app/notes/", { title: " First ", tags: ["One"] });
    assert.equal(created.status, 201);
    const note = (await created.json()) as { id: number; title: string; tags: string[]; created_at: string };
    assert.deepEqual([note.title, note.tags], ["First", ["one"]]);
    assert.ok(!Number.isNaN(Date.parse(note.created_at)));
    assert.deepEqual(await (await server.get("/app/notes/")).json(), [note]);
    assert.deepEqual(await (await server.get(`/app/notes/${note.id}`)).json(), note);
    await until(
      async () => (await (await server.get("/app/notes/activity")).json()) as { created: number }[],
      (days) => days[0]?.created === 1,
    );
    assert.equal((await server.get(`/app/notes/${note.id}`, { method: "DELETE" })).status, 204);
    assert.equal((await server.get(`/app/notes/${note.id}`)).status, 404);
    assert.deepEqual(await (await server.get("/app/notes/")).json(), []);
  });

  test("a note that is not valid is refused with zod's issues", async () => {
    const refused = await json("/app/notes/", { title: "", extra: 1 });
    assert.equal(refused.status, 422);
    const { issues } = (await refused.json()) as { issues: { path: string[] }[] };
    assert.ok(issues.some((issue) => issue.path[0] === "title"));
    assert.equal((await server.get("/app/notes/", { method: "POST", body: "not json" })).status, 422);
  });

  test("the digest job calls the mailer's action, and the relay collects the mail", async () => {
    await json("/app/notes/", { title: "For the digest" });
    const run = await server.admin("/jobs/notes/digest/run", { method: "POST" });
    assert.equal(run.status, 200);
    const [mail] = await until(
      async () =>
        (await (await server.get("/app/mailer/outbox")).json()) as {
          id: number;
          text: string;
          recipient: string;
        }[],
      (mails) => mails.length === 1,
    );
    assert.deepEqual([mail?.recipient, mail?.text], ["notes@example.com", "- For the digest"]);
    assert.equal((await server.get(`/app/mailer/outbox/${mail?.id}/sent`, { method: "POST" })).status, 204);
    assert.equal((await server.get(`/app/mailer/outbox/${mail?.id}/sent`, { method: "POST" })).status, 404);
  });

  test("an action refuses input that its schema does not allow", async () => {
    const refused = await server.admin("/plugins/mailer/actions/send", {
      method: "POST",
      body: JSON.stringify({ to: "x" }),
    });
    assert.equal(refused.status, 422);
    assert.equal(((await refused.json()) as { code: string }).code, "INPUT_INVALID");
  });

  test("links is a Hono app that runs unchanged", async () => {
    const made = (await (await json("/app/links/", { url: "https://example.com/long" })).json()) as {
      slug: string;
    };
    const followed = await server.get(`/app/links/${made.slug}`, { redirect: "manual" });
    assert.deepEqual([followed.status, followed.headers.get("location")], [302, "https://example.com/long"]);
    const stats = (await (await server.get(`/app/links/${made.slug}/stats`)).json()) as { visits: number };
    assert.equal(stats.visits, 1);
    assert.equal((await json("/app/links/", { url: "javascript:alert(1)" })).status, 422);
    assert.equal((await server.get("/app/links/nothing")).status, 404);
  });
});

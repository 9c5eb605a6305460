// A service of the installation's own, used by plugins through the wall: an object storage on the file system.
import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { packageFile } from "../../src/core/base/package-root.ts";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

const user = (name: string, permissions: string): Record<string, string> =>
  pluginFiles(
    name,
    `export default definePlugin({ routes: {
  "POST /:method": async (request, { params, services }) => services.get(request.headers.get("x-service") ?? "storage")[params.method](await request.json()),
} });`,
    permissions,
  );

describe("a service of one's own", () => {
  let workspace: TestWorkspace;
  let server: TestCore;
  before(async () => {
    workspace = await testWorkspace({
      ...user("album", "permissions: { services: [storage] }\n"),
      ...user("diary", "permissions: { services: [storage, broken] }\n"),
      ...user("hasty", "permissions: { services: [broken] }\n"),
      ...user("poor", ""),
      ...user("lost", "permissions: { services: [mail] }\n"),
      ...user("sly", "permissions: { services: [database] }\n"),
      ...user("hopeful", "permissions: { services: [closed] }\n"),
      "services/broken.ts": `export default { driver: "broken", options: {}, needs: [], open: async () => ({
        driver: "broken", check: async () => ({ ok: true, latencyMs: 0, detail: "" }),
        forPlugin: async () => ({ calls: {}, methods: {
          fail: async () => { throw new Error("host db-7.internal is down"); },
          throwNow: () => { throw new Error("at once"); },
          hang: () => new Promise(() => {}),
          huge: async () => "x".repeat(9_000_000),
          circle: async () => { const a: Record<string, unknown> = {}; a["a"] = a; return a; },
          nothing: async () => undefined,
        }, async [Symbol.asyncDispose]() {} }),
        async [Symbol.asyncDispose]() {},
      }) };`,
      "services/closed.ts": `export default { driver: "closed", options: {}, needs: [], open: async () => ({
        driver: "closed", check: async () => ({ ok: true, latencyMs: 0, detail: "" }),
        forPlugin: async () => ({ calls: {}, async [Symbol.asyncDispose]() {} }),
        async [Symbol.asyncDispose]() {},
      }) };`,
      "integration.yaml": [
        "name: own",
        "server: { port: 0, drain: 300ms }",
        "admin: { token: test-token-test-token-test-token }",
        "services:",
        `  storage: { module: ${packageFile("test/fixtures/services/storage.ts")}, folder: objects, maxObjects: 3 }`,
        "  broken: { module: ./services/broken.ts }",
        "  closed: { module: ./services/closed.ts }",
        "plugins: { hasty: { limits: { timeout: 500ms } } }",
      ].join("\n"),
    });
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  const post = async (path: string, input: unknown, service = "storage"): Promise<string> => {
    const answer = await server.get(`/app/${path}`, {
      method: "POST",
      body: JSON.stringify(input),
      headers: { "x-service": service },
    });
    return `${answer.status} ${await answer.text()}`;
  };

  test("its methods are called by plugins, each with objects of its own", async () => {
    assert.match(await post("album/put", { key: "a.txt", text: "ours" }), /^200 \{"etag":"[0-9a-f]{64}"\}$/);
    assert.match(await post("diary/put", { key: "a.txt", text: "mine" }), /^200/);
    assert.equal(await post("album/get", { key: "a.txt" }), '200 {"text":"ours"}');
    assert.equal(await post("diary/get", { key: "a.txt" }), '200 {"text":"mine"}');
    assert.equal(await post("album/get", { key: "b.txt" }), "204 ");
    assert.equal(await post("album/count", null), "200 1");
    assert.equal(await post("album/remove", { key: "a.txt" }), '200 {"removed":true}');
    assert.deepEqual((await readdir(join(workspace.folder, "objects"))).sort(), ["album", "diary"]);
  });

  test("what it refuses reaches the plugin with its words, and keys lead nowhere else", async () => {
    assert.match(
      await post("album/get", { key: "/etc/passwd" }),
      /^422 .*INPUT_INVALID.*storage\.get: \/key/,
    );
    assert.match(await post("album/get", { key: "a/../../x" }), /^204 $/);
    for (let n = 0; n < 3; n += 1) await post("album/put", { key: `n${n}`, text: "" });
    assert.match(await post("album/put", { key: "n3", text: "" }), /^413 .*3 objects are stored already/);
    assert.match(
      await post("album/putt", {}),
      /^422 .*service 'storage' has no method 'putt'; did you mean 'put'/,
    );
    assert.match(await post("album/toString", {}), /^422 .*no method 'toString'/);
  });

  test("who did not ask for it does not get it", async () => {
    assert.match(await post("poor/get", { key: "a" }), /^500 .*PERMISSION_UNDECLARED/);
    assert.match(
      await post("album/fail", {}, "broken"),
      /^500 .*may not use the service 'broken'; allowed are: storage/,
    );
    assert.match(
      await post("lost/get", {}),
      /^503 .*asks for the service 'mail', but this server has none of its own/,
    );
    assert.match(await post("sly/get", {}), /^503 .*asks for the service 'database'/);
    assert.match(await post("hopeful/get", {}), /^503 .*'closed', which has no methods for plugins/);
  });

  test("a method that fails, hangs or answers too much fails that call, and its words stay in the log", async () => {
    const failed = await post("diary/fail", {}, "broken");
    assert.match(failed, /^502 .*SERVICE_FAILED.*broken\.fail failed/);
    assert.doesNotMatch(failed, /db-7/);
    assert.ok(server.log.some(({ fields }) => fields["error"] === "host db-7.internal is down"));
    assert.match(await post("diary/throwNow", {}, "broken"), /^502 .*throwNow failed/);
    assert.match(await post("hasty/hang", {}, "broken"), /^50[34] /);
    assert.match(await post("diary/huge", {}, "broken"), /^413 .*QUOTA_EXCEEDED/);
    assert.match(await post("diary/circle", {}, "broken"), /^502 .*circle failed/);
    assert.equal(await post("diary/nothing", {}, "broken"), "204 ");
    assert.equal(await post("diary/count", null), "200 1");
  });

  test("its health is the server's", async () => {
    const storage = async (): Promise<boolean | undefined> => {
      const { services } = await server.core.status();
      return services.find(({ name }) => name === "storage")?.ok;
    };
    assert.equal(await storage(), true);
    await rm(join(workspace.folder, "objects"), { recursive: true });
    assert.equal(await storage(), false);
    assert.equal((await server.get("/readyz")).status, 503);
  });
});

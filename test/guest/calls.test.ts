// Actions, jobs, events, start and stop; the context's parts and the host calls behind them.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Json } from "../../src/wire/json.ts";
import { Guest, type GuestFailure } from "./harness.ts";

const define = (body: string): string => `
  import { definePlugin } from "xcore/plugin";
  import { z } from "zod";
  export default definePlugin({ ${body} });`;

const refusesWith = (code: string, message: RegExp) => (error: GuestFailure) => {
  assert.equal(error.error.code, code);
  assert.match(error.message, message);
  return true;
};

suite("actions", () => {
  test("check their input with zod and are given what it makes of it", async () => {
    using guest = await Guest.load(
      define(`actions: { add: {
        input: z.object({ title: z.string().trim().min(1), tags: z.array(z.string()).default([]) }),
        run: (input) => input,
      } }`),
    );
    assert.deepEqual(await guest.call("action", "add", { title: " x " }), { title: "x", tags: [] });
    await assert.rejects(
      guest.call("action", "add", { title: "x", tags: ["a", 1] }),
      refusesWith("INPUT_INVALID", /^action 'add': the input is not valid: \/tags\/1: .*string/),
    );
    await assert.rejects(guest.call("action", "add", null), refusesWith("INPUT_INVALID", /object/));
  });

  test("check their input with a JSON Schema and name the path of each fault", async () => {
    using guest = await Guest.load(
      define(`actions: { add: {
        input: {
          type: "object",
          required: ["title"],
          additionalProperties: false,
          properties: { title: { type: "string", minLength: 1 }, at: { type: "string", format: "date-time" }, n: { enum: [1, 2] } },
        },
        run: (input) => input,
      } }`),
    );
    assert.deepEqual(await guest.call("action", "add", { title: "x" }), { title: "x" });
    const refused = (input: Json, message: RegExp) =>
      assert.rejects(guest.call("action", "add", input), refusesWith("INPUT_INVALID", message));
    await refused({ title: 7 }, /not valid: \/title: /);
    await refused({}, /required.*title/);
    await refused({ title: "x", extra: 1 }, /\/extra: is not allowed here/);
    await refused({ title: "x", at: "yesterday" }, /\/at: .*date-time/);
    await refused({ title: "x", n: 3 }, /\/n: /);
  });

  test("that do not exist or give no JSON fail with a reason", async () => {
    using guest = await Guest.load(define(`actions: { nothing: { run() {} }, big: { run: () => 1n } }`));
    assert.equal(await guest.call("action", "nothing", null), null);
    await assert.rejects(guest.call("action", "big", null), /BigInt/);
    await assert.rejects(
      guest.call("action", "gone", null),
      refusesWith("ACTION_NOT_FOUND", /there is no action 'gone'/),
    );
    await assert.rejects(
      guest.call("action", "constructor", null),
      refusesWith("ACTION_NOT_FOUND", /constructor/),
    );
  });
});

suite("jobs, events, start and stop", () => {
  test("are given their data and a context", async () => {
    using guest = await Guest.load(
      define(`
        start: (ctx) => { globalThis.seen = ["start " + ctx.plugin.name]; },
        stop() { globalThis.seen.push("stop"); },
        jobs: { digest: { run: (data, { job }) => ({ data, job }) } },
        events: {
          "user.created": (event) => { globalThis.seen.push("exact " + event.payload.id + " of " + event.source); },
          "user.*": async (event) => { globalThis.seen.push("pattern " + event.name); },
          "*": () => { globalThis.seen.push("all"); },
        },`),
    );
    assert.equal(await guest.call("start", "start", null), null);
    const run = { id: "1", name: "digest", data: { a: 1 }, attempt: 2, key: "k" };
    const { data, ...job } = run;
    assert.deepEqual(await guest.call("job", "digest", run), { data, job });
    await assert.rejects(
      guest.call("job", "gone", { ...run, name: "gone" }),
      refusesWith("JOB_NOT_FOUND", /gone/),
    );
    await guest.call("event", "user.created", { name: "user.created", payload: { id: 7 }, source: "users" });
    await guest.call("event", "user.gone", { name: "user.gone", payload: null, source: "core" });
    await guest.call("stop", "stop", null);
    assert.deepEqual(guest.evaluate("seen"), [
      "start test",
      "exact 7 of users",
      "pattern user.created",
      "all",
      "pattern user.gone",
      "all",
      "stop",
    ]);
  });

  test("that nobody handles are answered all the same", async () => {
    using guest = await Guest.load(define(""));
    assert.equal(await guest.call("start", "start", null), null);
    assert.equal(await guest.call("stop", "stop", null), null);
    assert.equal(await guest.call("event", "a.b", { name: "a.b", payload: null, source: "core" }), null);
  });
});

suite("the context", () => {
  const permissions = ["database", "cache", "jobs", "fetch", "call", "events", "secrets"];
  const action = (body: string): string =>
    define(`actions: { go: { run: async (input, ctx) => { ${body} } } }`);

  test("sends SQL with parameters only, and converts what JSON can't say", async () => {
    using guest = await Guest.load(
      action(
        `return ctx.db.sql\`select \${1}, \${"x'; drop"}, \${new Date(0)}, \${5n}, \${[1, 2]}, \${Uint8Array.of(1, 255)} where a = \${null}\``,
      ),
      { permissions, host: () => ({ rows: [{ a: 1 }], rowCount: 1 }) },
    );
    assert.deepEqual(await guest.call("action", "go", null), [{ a: 1 }]);
    assert.deepEqual(guest.hostCalls, [
      {
        id: 1,
        call: 1,
        name: "db.query",
        args: {
          text: "select $1, $2, $3, $4, $5, $6 where a = $7",
          params: [1, "x'; drop", "1970-01-01T00:00:00.000Z", "5", [1, 2], "\\x01ff", null],
        },
      },
    ]);
  });

  test("refuses SQL that is no template, and undefined as a parameter", async () => {
    using guest = await Guest.load(
      action(`return input === 1 ? ctx.db.sql("select 1") : ctx.db.sql\`select \${undefined}\``),
      { permissions },
    );
    await assert.rejects(guest.call("action", "go", 1), /template tag/);
    await assert.rejects(guest.call("action", "go", 2), /parameter \$1 is undefined; use null/);
    assert.deepEqual(guest.hostCalls, []);
  });

  test("commits a transaction, and rolls it back when the work throws", async () => {
    using guest = await Guest.load(
      action(`let kept;
        const result = await ctx.db.transaction(async (tx) => {
          kept = tx;
          await tx.sql\`insert into a values (\${1})\`;
          if (input === "fail") throw new Error("changed my mind");
          return (await tx.query("select 1")).rowCount;
        }, { isolation: "serializable" });
        if (input === "late") await kept.sql\`select 1\`;
        return result;`),
      {
        permissions,
        host: (name) => (name === "db.begin" ? 9 : name === "db.end" ? null : { rows: [], rowCount: 3 }),
      },
    );
    assert.equal(await guest.call("action", "go", null), 3);
    assert.deepEqual(
      guest.hostCalls.map(({ name, args }) => [name, args]),
      [
        ["db.begin", { isolation: "serializable" }],
        ["db.query", { text: "insert into a values ($1)", params: [1], transaction: 9 }],
        ["db.query", { text: "select 1", params: [], transaction: 9 }],
        ["db.end", { transaction: 9, commit: true }],
      ],
    );
    await assert.rejects(guest.call("action", "go", "fail"), /changed my mind/);
    assert.deepEqual(guest.hostCalls.at(-1)?.args, { transaction: 9, commit: false });
    await assert.rejects(
      guest.call("action", "go", "late"),
      refusesWith("DATABASE_ERROR", /transaction is over/),
    );
  });

  test("makes a cached value once for all who wait for it", async () => {
    const kept = new Map<string, Json>();
    using guest = await Guest.load(
      action(`const make = async () => { globalThis.made = (globalThis.made ?? 0) + 1; await undefined; return { n: globalThis.made }; };
        const both = await Promise.all([ctx.cache.getOrSet("k", make, { ttlMs: 5, tags: ["t"] }), ctx.cache.getOrSet("k", make)]);
        return [...both, await ctx.cache.getOrSet("k", make), await ctx.cache.get("none") === undefined];`),
      {
        permissions,
        host: (name, args) => {
          const { key, value } = args as { key: string; value: Json };
          if (name === "cache.set") return (kept.set(key, value), null);
          const found = kept.get(key);
          return found === undefined ? { hit: false } : { hit: true, value: found };
        },
      },
    );
    assert.deepEqual(await guest.call("action", "go", null), [{ n: 1 }, { n: 1 }, { n: 1 }, true]);
    const set = guest.hostCalls.filter(({ name }) => name === "cache.set");
    assert.deepEqual(
      set.map(({ args }) => args),
      [{ key: "k", value: { n: 1 }, ttlMs: 5, tags: ["t"] }],
    );
  });

  test("reaches jobs, events, other plugins' actions and secrets", async () => {
    using guest = await Guest.load(
      action(`return [
        await ctx.jobs.enqueue("digest", { a: 1 }, { delayMs: 5, at: new Date(0), unique: "u", priority: 2 }),
        await ctx.jobs.cancel("1"),
        await ctx.events.publish("note.created", { id: 1 }),
        await ctx.call("mailer.send.now", { to: "x" }),
        await ctx.secrets.get("TOKEN"),
      ]`),
      {
        permissions,
        host: (name) =>
          ({ "jobs.enqueue": { id: "1" }, "jobs.cancel": { cancelled: true }, "secrets.get": "s3cret" })[
            name
          ] ?? null,
      },
    );
    assert.deepEqual(await guest.call("action", "go", null), [{ id: "1" }, true, null, null, "s3cret"]);
    assert.deepEqual(
      guest.hostCalls.map(({ args }) => args),
      [
        {
          name: "digest",
          data: { a: 1 },
          delayMs: 5,
          at: "1970-01-01T00:00:00.000Z",
          unique: "u",
          priority: 2,
        },
        { id: "1" },
        { name: "note.created", payload: { id: 1 } },
        { plugin: "mailer", action: "send.now", input: { to: "x" } },
        { name: "TOKEN" },
      ],
    );
  });

  test("fetches, and gives the response as the web does", async () => {
    using guest = await Guest.load(
      action(`const response = await ctx.fetch("https://api.test/a?b=1", {
          method: "post", headers: { "X-A": "1" }, body: new URLSearchParams({ q: "ä" }),
        });
        return [response.status, response.ok, response.url, response.redirected, response.headers.get("x-b"), await response.json()];`),
      {
        permissions,
        host: () => ({
          url: "https://api.test/end",
          status: 201,
          statusText: "Created",
          redirected: true,
          headers: [["X-B", "2"]],
          body: Buffer.from('{"ä":1}').toString("latin1"),
          encoding: "latin1",
        }),
      },
    );
    assert.deepEqual(await guest.call("action", "go", null), [
      201,
      true,
      "https://api.test/end",
      true,
      "2",
      { ä: 1 },
    ]);
    assert.deepEqual(guest.hostCalls[0]?.args, {
      url: "https://api.test/a?b=1",
      method: "POST",
      headers: [
        ["content-type", "application/x-www-form-urlencoded;charset=UTF-8"],
        ["x-a", "1"],
      ],
      body: "q=%C3%A4",
      encoding: "utf8",
      redirect: "follow",
    });
  });

  test("passes the core's errors on with their code", async () => {
    using guest = await Guest.load(
      action(
        `try { await ctx.db.sql\`select 1\`; } catch (error) { if (input) throw error; return [error.code, error.message]; }`,
      ),
      {
        permissions,
        host: () => {
          throw Object.assign(new Error("relation does not exist"), { code: "DATABASE_ERROR" });
        },
      },
    );
    assert.deepEqual(await guest.call("action", "go", false), ["DATABASE_ERROR", "relation does not exist"]);
    await assert.rejects(guest.call("action", "go", true), refusesWith("DATABASE_ERROR", /relation/));
  });

  test("says how to declare what is not declared", async () => {
    using guest = await Guest.load(
      action(`return input === "fetch" ? fetch("https://a.test") : ctx[input];`),
    );
    const names = {
      db: "database",
      cache: "cache",
      jobs: "jobs",
      events: "events",
      call: "call",
      secrets: "secrets",
    };
    for (const [member, permission] of [...Object.entries(names), ["fetch", "fetch"]]) {
      await assert.rejects(
        guest.call("action", "go", member ?? ""),
        refusesWith(
          "PERMISSION_UNDECLARED",
          new RegExp(
            `^plugin 'test': permission '${permission}' is not declared in plugin.yaml; add it and run xcore plugin approve test$`,
          ),
        ),
      );
    }
    assert.deepEqual(guest.hostCalls, []);
  });

  test("has the plugin's options, frozen through and through", async () => {
    using guest = await Guest.load(
      action(
        `try { ctx.config.deep.list.push(1); } catch (error) { return [ctx.config, error.name, ctx.plugin]; }`,
      ),
      { config: { deep: { list: [] } } },
    );
    assert.deepEqual(await guest.call("action", "go", null), [
      { deep: { list: [] } },
      "TypeError",
      { name: "test", version: "1.0.0" },
    ]);
  });

  test("logs lines with fields", async () => {
    using guest = await Guest.load(
      action(`ctx.log.info("went", { a: 1, n: 1n }); ctx.log.error("fell", { error: new TypeError("x") });
        const circle = {}; circle.circle = circle; ctx.log.warn("round", circle);`),
    );
    await guest.call("action", "go", null);
    const [went, fell, round] = guest.logs;
    assert.deepEqual(went, { level: "info", message: "went", fields: { a: 1, n: "1" } });
    assert.equal((fell?.fields["error"] as { name: string } | undefined)?.name, "TypeError");
    assert.match(String(round?.fields["fields"]), /not JSON/);
  });
});

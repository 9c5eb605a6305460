// Plugins that ask, say or start too much: what they get is refused or dropped by quota, and the others keep their share of the core.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocket } from "ws";
import { openArena, type Arena } from "../../support/arena.ts";
import { hostCpuMs } from "../../support/host-cpu.ts";
import { until, type LogLine } from "../../support/workspace.ts";

const names = [
  "host-call-flood",
  "denied-flood",
  "log-flood",
  "job-flood",
  "event-flood",
  "promise-flood",
  "fetch-flood",
  "parse-bomb",
  "timer-burner",
  "socket-flood",
  "bulky",
];

describe("a flood", () => {
  let arena: Arena;
  before(async () => {
    arena = await openArena(names, { services: "services: { jobs: { driver: agenda, maxWaiting: 500 } }" });
  });
  after(() => arena[Symbol.asyncDispose]());

  /** Lets it loose, and tells how its caller was answered and what the log says of it. */
  async function loose(
    t: TestContext,
    name: string,
    requests = 1,
  ): Promise<{ answers: { status: number; body: unknown }[]; lines: LogLine[] }> {
    await arena.load(name);
    const from = arena.server.log.length;
    const answers = await arena.observe(t, async () => {
      const asked = Array.from({ length: requests }, () => arena.server.get(`/app/${name}/`));
      const given = await Promise.all(asked);
      await pause(200);
      return await Promise.all(
        given.map(async (answer) => {
          const text = await answer.text();
          return {
            status: answer.status,
            body: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text,
          };
        }),
      );
    });
    const lines = arena.server.log.slice(from).filter(({ fields }) => fields["plugin"] === name);
    t.diagnostic(`${JSON.stringify(answers[0]).slice(0, 300)}; ${lines.length} lines in the log`);
    return { answers, lines };
  }

  test("of host calls ends by one of the plugin's own limits", async (t) => {
    const { answers } = await loose(t, "host-call-flood");
    const [answer] = answers;
    const { code } = (answer ?? assert.fail("no answer")).body as { code: string };
    assert.match(code, /^PLUGIN_(MEMORY_LIMIT|CPU_LIMIT|TIMEOUT|PROTOCOL|CRASHED)$/);
    await arena.unload("host-call-flood");
  });

  test("of denied calls is refused each time, counted whole and logged once", async (t) => {
    const { answers, lines } = await loose(t, "denied-flood");
    assert.deepEqual(answers[0]?.body, { PERMISSION_UNDECLARED: 10_000 });
    const denials = lines.filter(({ message }) => message.startsWith("host call denied"));
    assert.ok(denials.length >= 1 && denials.length <= 3, `${denials.length} lines`);
    assert.partialDeepStrictEqual(denials[0]?.fields, {
      call: "actions.call",
      code: "PERMISSION_UNDECLARED",
    });
    assert.equal((await arena.status("denied-flood")).deniedCalls, 10_000);
  });

  test("of log lines is cut to a thousand a second, and the rest is counted", async (t) => {
    const startedAt = performance.now();
    const { lines } = await loose(t, "log-flood");
    const seconds = Math.ceil((performance.now() - startedAt) / 1000) + 1;
    assert.ok(lines.length < 1100 * seconds, `${lines.length} lines in ${seconds} s`);
    assert.ok(lines.some(({ message }) => /^\d+ log lines (were )?dropped/.test(message)));
  });

  test("of jobs is refused beyond the quota of waiting jobs", async (t) => {
    const { answers } = await loose(t, "job-flood");
    const codes = answers[0]?.body as Record<string, number>;
    // The queue is counted now and then: some more may slip in.
    assert.ok((codes["ok"] ?? 0) <= 600, `${codes["ok"]} were taken`);
    assert.ok((codes["QUOTA_EXCEEDED"] ?? 0) > 0);
  });

  test("of events loses what its own handler is too slow for, and hurts nobody", async (t) => {
    const { lines } = await loose(t, "event-flood");
    assert.ok(lines.filter(({ level }) => level === "warn").length <= 2);
    await arena.unload("event-flood");
  });

  test("of requests that are never answered costs each its deadline", async (t) => {
    const { answers } = await loose(t, "promise-flood", 300);
    assert.ok(answers.every(({ status }) => status === 504));
    assert.partialDeepStrictEqual(await arena.status("promise-flood"), { state: "ready", restarts: 0 });
  });

  test("of fetches to loopback, link-local and foreign addresses is refused, every one", async (t) => {
    const { answers, lines } = await loose(t, "fetch-flood");
    assert.deepEqual(answers[0]?.body, { FETCH_REFUSED: 7000 });
    assert.ok(lines.filter(({ message }) => message.startsWith("host call denied")).length <= 2);
  });

  test("of values that take long to parse is refused before they are parsed", async (t) => {
    const { answers } = await loose(t, "parse-bomb");
    assert.deepEqual(answers[0]?.body, ["QUOTA_EXCEEDED"]);
    await arena.unload("parse-bomb");
  });

  test("of large answers is written whole, one after another", async (t) => {
    await arena.load("bulky");
    await arena.observe(t, async () => {
      for (let at = 0; at < 4; at += 1) {
        const body = await (await arena.server.get("/app/bulky/")).text();
        assert.equal(body.length, 4_000_000);
      }
    });
    await arena.unload("bulky");
  });

  test("on sockets that nobody reads, and from clients that nobody hears, stays within the windows", async (t) => {
    await arena.load("socket-flood");
    const url = `${arena.server.core.address.replace("http", "ws")}/app/socket-flood`;
    await arena.observe(t, async () => {
      const clients = ["small", "large", "deaf"].flatMap((path) =>
        Array.from({ length: 5 }, () => new WebSocket(`${url}/${path}`)),
      );
      await Promise.all(clients.map((client) => once(client, "open")));
      for (const client of clients) {
        client.on("error", () => undefined);
        if (client.url.endsWith("deaf"))
          for (let at = 0; at < 100; at += 1) client.send(Buffer.alloc(10_000));
        else client.pause();
      }
      await pause(1000);
      assert.equal((await arena.server.get("/app/socket-flood/alive")).status, 200);
      for (const client of clients) client.terminate();
    });
    assert.partialDeepStrictEqual(await arena.status("socket-flood"), { state: "ready", restarts: 0 });
    await arena.unload("socket-flood");
  });

  test("of short timers ends with PLUGIN_CPU_LIMIT though no stretch is long", async (t) => {
    const { hostPid } = await arena.load("timer-burner");
    const since = performance.now();
    // On a machine that does not let it have the share that it may have, there is nothing to end.
    const isModest = (): boolean => {
      const elapsedMs = performance.now() - since;
      return elapsedMs > 20_000 && hostCpuMs(hostPid) < elapsedMs / 4;
    };
    await arena.observe(t, async () => {
      await arena.server.get("/app/timer-burner/");
      await until(
        () => arena.ends("timer-burner").length > 0 || isModest(),
        (over) => over,
      );
    });
    const [end] = arena.ends("timer-burner");
    if (end === undefined) return t.diagnostic("the machine gave it less than it may have");
    assert.partialDeepStrictEqual(end, { code: "PLUGIN_CPU_LIMIT", capMs: 2000, killedHost: false });
    assert.ok(Number(end?.["observedMs"]) >= 2000);
  });
});

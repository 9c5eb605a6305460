// A server's hard hours, as its owner lives them: signals and crashes under load, a bad save on a terminal.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { pluginFiles, testWorkspace, until, type TestWorkspace } from "../support/workspace.ts";
import { bin, ended, start, xcore, type Ended, type Running } from "./support/run.ts";

const slow = `export default definePlugin({ routes: {
  "GET /": () => "quick",
  "GET /slow": () => { console.log("slow began"); return new Promise((resolve) => setTimeout(() => resolve("slow but whole"), 1000)); },
} });`;
const counter = pluginFiles(
  "counter",
  `export default definePlugin({ routes: {
    "GET /": async (_request, { db }) => (await db.sql\`select n from hits order by n\`).map(({ n }) => n),
    "POST /:n": async (request, { db }) => db.sql\`insert into hits values (\${Number(new URL(request.url).pathname.slice(1))})\`,
  } });`,
  "permissions: { database: true }\n",
);

interface Serving {
  child: Running;
  address: string;
  end: Promise<Ended>;
  said(): string;
}

async function serve(workspace: TestWorkspace, ...args: string[]): Promise<Serving> {
  const child = start(["serve", ...args], { cwd: workspace.folder });
  let [out, err] = ["", ""];
  child.stdout.on("data", (text: string) => (out += text));
  child.stderr.on("data", (text: string) => (err += text));
  const end = ended(child);
  const address = await until(
    () => (child.exitCode === null ? /is ready at (\S+)/.exec(err)?.[1] : "none"),
    (found) => found !== undefined,
  );
  assert.notEqual(address, "none", `the server ended: ${err}${out}`);
  return { child, address: address ?? "", end, said: () => out };
}

describe("a server", () => {
  let workspace: TestWorkspace;
  before(async () => {
    workspace = await testWorkspace({
      ...pluginFiles("slow", slow),
      ...counter,
      "plugins/counter/migrations/0001_hits.sql":
        "-- migrate:up\ncreate table hits (n int);\n-- migrate:down\ndrop table hits;\n",
    });
  });
  after(() => workspace?.[Symbol.asyncDispose]());

  it("that gets SIGTERM during a request answers it whole, ends with 0, and logs it with plugin and duration", async () => {
    const { child, address, end, said } = await serve(workspace);
    const underWay = fetch(`${address}/app/slow/slow`);
    await until(
      () => said().includes("slow began"),
      (began) => began,
    );
    child.kill("SIGTERM");
    await until(
      () =>
        fetch(`${address}/app/slow/`).then(
          (answer) => answer.status,
          () => "refused",
        ),
      (outcome) => outcome === "refused",
    );
    assert.equal(await (await underWay).text(), "slow but whole");
    const { code } = await end;
    assert.equal(code, 0);
    const lines = said()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const request = lines.find(({ msg, url }) => msg === "request" && url === "/app/slow/slow");
    assert.partialDeepStrictEqual(request, { level: "info", plugin: "slow", method: "GET", status: 200 });
    assert.ok(Number(request?.["ms"]) >= 900);
    assert.equal(lines.at(-1)?.["msg"], "stopped");
  });

  it("that was killed with -9 starts again, and every answered write is there", async (t) => {
    const first = await serve(workspace);
    const written: number[] = [];
    const refused: string[] = [];
    const load = (async () => {
      for (let n = 1; ; n += 1) {
        const answer = await fetch(`${first.address}/app/counter/${n}`, { method: "POST" });
        const said = await answer.text();
        // A machine that is slow for a moment may refuse one.
        if (answer.status === 200) written.push(n);
        else refused.push(said);
      }
    })();
    await until(
      () => written.length,
      (count) => count >= 20,
    );
    first.child.kill("SIGKILL");
    await assert.rejects(load, { name: "TypeError" });
    assert.equal((await first.end).signal, "SIGKILL");
    const left = await xcore(["status"], { cwd: workspace.folder });
    assert.deepEqual([left.code, left.stdout], [3, ""]);

    const second = await serve(workspace);
    const kept = (await (await fetch(`${second.address}/app/counter/`)).json()) as number[];
    const lost = written.filter((n) => !kept.includes(n));
    assert.deepEqual(lost, []);
    for (const text of refused) t.diagnostic(text);
    assert.ok(!second.said().includes("making the embedded database"));
    assert.equal((await xcore(["status", "--wait"], { cwd: workspace.folder })).code, 0);
    second.child.kill("SIGTERM");
    assert.equal((await second.end).code, 0);
  });
});

describe("serve --watch on a terminal", () => {
  it("is pretty, shows requests with plugin and duration, and frames a bad save at its line", async () => {
    await using workspace = await testWorkspace(pluginFiles("slow", slow));
    await using terminal = openTerminal(workspace.folder, ["serve", "--watch"]);
    const shows = (what: RegExp): Promise<string> => until(terminal.screen, (text) => what.test(text));
    const address = /is ready at (\S+)/.exec(await shows(/is ready at \S+/))?.[1] ?? "";
    await (await fetch(`${address}/app/slow/`)).text();
    await shows(/INFO: GET \/app\/slow\/ 200 in [\d.]+ ms by slow/);
    await workspace.write(
      "plugins/slow/index.ts",
      'import { definePlugin } from "xcore/plugin";\nexport default definePlugin({ routes: { "GET /": () => } });\n',
    );
    const frame = new RegExp(
      [
        String.raw`ERROR: revision 1 keeps serving: plugin 'slow@1\.0\.0' does not compile:.*`,
        String.raw` {2}│ {3}index\.ts:2:56: .*`,
        String.raw` {2}│ +2 \| export default .*`,
        String.raw` {2}│ +\| +\^`,
        String.raw` {2}│ Correct the lines above and save\.`,
      ].join("\n"),
    );
    await shows(frame);
    assert.ok(!terminal.screen().includes('{"'), "no JSON on a terminal");
    assert.equal(await (await fetch(`${address}/app/slow/`)).text(), "quick");
    terminal.type("\u0003");
    assert.equal(await terminal.code, 130);
  });

  it("has colours, and none with NO_COLOR", async () => {
    await using workspace = await testWorkspace();
    for (const [env, colours] of [
      [{}, true],
      [{ NO_COLOR: "1" }, false],
    ] as const) {
      await using terminal = openTerminal(workspace.folder, ["serve"], env);
      await until(terminal.screen, (text) => /is ready at \S+/.test(text));
      terminal.type("\u0003");
      assert.equal(await terminal.code, 130);
      assert.equal(terminal.raw().includes("\u001b[32mINFO"), colours);
    }
  });
});

interface Terminal extends AsyncDisposable {
  /** What was written so far, without colours. */
  screen(): string;
  raw(): string;
  type(keys: string): void;
  readonly code: Promise<number | null>;
}

/** Runs the command line on a pseudo terminal, by the `script` program that every Debian has. */
function openTerminal(cwd: string, args: string[], env: Record<string, string> = {}): Terminal {
  const command = [process.execPath, bin, ...args].map((part) => `'${part}'`).join(" ");
  const { NO_COLOR: _1, FORCE_COLOR: _2, ...rest } = process.env;
  const child = spawn("script", ["-qefc", command, "/dev/null"], {
    cwd,
    env: { ...rest, TERM: "xterm", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const code = once(child, "close").then(([exit]) => exit as number | null);
  return {
    screen: () => stripVTControlCharacters(output).replaceAll("\r", ""),
    raw: () => output,
    type: (keys) => child.stdin.write(keys),
    code,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) child.kill("SIGTERM");
      await code;
    },
  };
}

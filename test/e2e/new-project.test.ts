// A project as a new user gets it: made, installed, checked, tested, served; every step through npm as the README says.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { bin } from "../cli/support/run.ts";

const run = promisify(execFile);
let home = "";
let project = "";

before(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), "xcore-project-")));
  project = join(home, "shop");
});

after(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));

test("it is made and its packages are installed", { timeout: 300_000 }, async () => {
  const { stdout } = await run(process.execPath, [bin, "new", "shop", "--yes", "--no-git", "--json"], {
    cwd: home,
  });
  const made = JSON.parse(stdout) as { install: string; installOutput: string };
  assert.equal(made.install, "done", made.installOutput);
});

test("its types hold", { timeout: 120_000 }, async () => {
  await run("npm", ["run", "check"], { cwd: project });
});

test("its test passes in a real isolate", { timeout: 120_000 }, async () => {
  const { stdout } = await run("npm", ["test"], { cwd: project, env: withoutTestContext() });
  assert.match(stdout, /pass 3\n.*fail 0\n/);
});

test("it is healthy, serves its plugin and stops when asked", { timeout: 120_000 }, async () => {
  const xcore = (...args: string[]) => run(join(project, "node_modules/.bin/xcore"), args, { cwd: project });
  assert.match((await xcore("doctor")).stdout, /ok {4}embedded Postgres/);
  const server = spawn("npm", ["run", "dev", "--", "--port", "0"], {
    cwd: project,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(server, "exit");
  try {
    const address = await addressOf(server.stderr);
    const book = `${address}/app/guestbook/`;
    const body = JSON.stringify({ author: "Ada", message: "Hello" });
    assert.equal((await fetch(book, { method: "POST", body })).status, 201);
    const [entry] = (await (await fetch(book)).json()) as { author: string }[];
    assert.equal(entry?.author, "Ada");
    await xcore("plugin", "new", "orders");
    await answers(`${address}/app/orders/`);
    await xcore("stop");
    await ended;
  } finally {
    server.kill();
  }
});

async function addressOf(stderr: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of stderr) {
    text += String(chunk);
    const found = /is ready at (http:\S+)/.exec(text)?.[1];
    if (found !== undefined) {
      stderr.resume();
      return found;
    }
  }
  throw new Error(`the server ended:\n${text}`);
}

/** Until the watcher has loaded the plugin. */
async function answers(url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if ((await fetch(url)).ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${url} did not answer`);
}

/** Otherwise the inner run reports to the outer one. */
function withoutTestContext(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  return env;
}

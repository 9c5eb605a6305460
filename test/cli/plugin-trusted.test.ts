// A plugin that needs Node, from a repository to the server's own process: what add, info, update and serve say and do with the digest
// that integration.yaml trusts. The built command line all the way.
import assert from "node:assert/strict";
import { appendFileSync, chmodSync, existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { commit, makeRepository, write } from "../core/plugins/installer/workspace.ts";
import { until } from "../support/workspace.ts";
import { makeWorkspace, start, xcore, type Ended, type Running, type Workspace } from "./support/run.ts";

const files = (version: string): Record<string, string> => ({
  "plugin.yaml": `name: insider\nversion: ${version}\nxcore: ">=0.1.0"\nentry: index.ts\n`,
  "index.ts": `import { hostname } from "node:os";
import { definePlugin } from "xcore/plugin";
export default definePlugin({ routes: { "GET /": () => ({ pid: process.pid, named: hostname() !== "", version: "${version}" }) } });
`,
});
const noDigest = `sha256-${"0".repeat(64)}`;

interface Serving {
  child: Running;
  address: string;
  said: () => string;
}

describe("a trusted plugin that is installed", () => {
  let project: Workspace;
  let sources = "";
  let source = "";
  let digest = "";
  let serving: Serving | undefined;

  const trust = (trusted: string | undefined): void => {
    const line = trusted === undefined ? "" : `plugins: { insider: { trust: { digest: ${trusted} } } }\n`;
    write(project.folder, { "integration.yaml": `name: shop\nserver: { port: 0, drain: 500ms }\n${line}` });
  };
  const run = async (...args: string[]): Promise<Ended> => {
    const ended = await xcore(["plugin", ...args], { cwd: project.folder });
    return { ...ended, stderr: stripVTControlCharacters(ended.stderr) };
  };
  const foundIn = ({ stderr }: Ended): string => {
    const found = /but its code is (sha256-[0-9a-f]{64})/.exec(stderr)?.[1];
    assert.ok(found, stderr);
    return found;
  };
  const serve = async (): Promise<Serving> => {
    const child = start(["serve"], { cwd: project.folder });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += String(chunk)));
    child.stderr.on("data", (chunk: Buffer) => (err += String(chunk)));
    const address = await until(
      () => (child.exitCode === null ? /is ready at (\S+)/.exec(err)?.[1] : `ended: ${err}`),
      (found) => found !== undefined,
    );
    return { child, address: address ?? "", said: () => out };
  };
  const stop = async ({ child }: Serving): Promise<void> => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  };
  const answer = async (): Promise<Record<string, unknown>> =>
    (await (await fetch(`${serving?.address}/app/insider/`)).json()) as Record<string, unknown>;

  before(async () => {
    project = await makeWorkspace();
    sources = await mkdtemp(join(tmpdir(), "xcore-sources-"));
    source = makeRepository(join(sources, "insider"), files("1.0.0"));
  });
  after(async () => {
    serving?.child.kill("SIGKILL");
    await rm(sources, { recursive: true, force: true });
    await project?.[Symbol.asyncDispose]();
  });

  test("is not installed without trust, and the error says which entry is missing", async () => {
    trust(undefined);
    const added = await run("add", source, "--yes");
    assert.equal(added.code, 65);
    assert.match(added.stderr, /node:os/);
    assert.match(added.stderr, /needs plugins\.<name>\.trust in integration\.yaml/);
  });

  test("is not installed with another digest, and the error names its own; nothing is left behind", async () => {
    trust(noDigest);
    const added = await run("add", source, "--yes");
    assert.equal(added.code, 77);
    assert.ok(added.stderr.includes(noDigest));
    digest = foundIn(added);
    assert.equal(existsSync(join(project.folder, "xcore.lock")), false);
    assert.equal(existsSync(join(project.stateFolder, "store")), false);
  });

  test("is installed with its digest, and said to be what it is: no plugin that can reach nothing", async () => {
    trust(digest);
    const added = await run("add", source, "--yes");
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stderr, /It runs in the server's own process and can do whatever the server can/);
    assert.doesNotMatch(added.stderr, /can reach nothing else/);
    const { stdout } = await run("info", "insider");
    assert.match(stdout, /runs +trusted, in the server's own process/);
    assert.match(stdout, /may +do what the server can/);
    const detail = JSON.parse((await run("info", "insider", "--json")).stdout) as Record<string, unknown>;
    assert.deepEqual([detail["trusted"], detail["digest"]], [true, digest]);
    const verified = await run("verify", "--frozen");
    assert.equal(verified.code, 0, verified.stderr + verified.stdout);
  });

  test("runs in the server's process, and is not updated to code that is not trusted", async () => {
    serving = await serve();
    assert.deepEqual(await answer(), { pid: serving.child.pid, named: true, version: "1.0.0" });
    commit(source, files("1.1.0"));
    const refused = await run("update", "insider");
    assert.equal(refused.code, 77);
    assert.equal((await answer())["version"], "1.0.0");
    trust(foundIn(refused));
    const updated = await run("update", "insider");
    assert.equal(updated.code, 0, updated.stderr + updated.stdout);
    await until(answer, ({ version }) => version === "1.1.0");
    assert.equal((await answer())["pid"], serving.child.pid);
    await stop(serving);
  });

  test("does not run when its files were changed since: the server starts without it and names the way back", async () => {
    const store = join(project.stateFolder, "store");
    for (const name of readdirSync(store).filter((one) => !one.endsWith(".files"))) {
      chmodSync(join(store, name), 0o755);
      chmodSync(join(store, name, "index.ts"), 0o644);
      appendFileSync(join(store, name, "index.ts"), "// changed\n");
    }
    serving = await serve();
    const problem = await answer();
    assert.deepEqual([problem["status"], problem["code"]], [503, "PLUGIN_NOT_READY"]);
    assert.match(String(problem["detail"]), /differs from xcore\.lock: changed index\.ts/);
    const { said } = serving;
    await until(said, (text) => text.includes("LOCK_MISMATCH") && text.includes("plugin sync"));
    await stop(serving);
    const synced = await run("sync");
    assert.equal(synced.code, 0, synced.stderr);
    serving = await serve();
    assert.equal((await answer())["version"], "1.1.0");
    await stop(serving);
  });
});

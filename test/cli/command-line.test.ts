// The command line as a whole: help, version, wrong words, pipes, colours, exit codes.
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { packageVersion } from "../../src/core/base/package-root.ts";
import { ended, makeWorkspace, start, xcore } from "./support/run.ts";

interface ErrorDocument {
  ok: boolean;
  error: { code: string; message: string; hint: string };
}

describe("the command line", () => {
  it("answers --version and -v", async () => {
    for (const flag of ["--version", "-v"]) {
      const { code, stdout } = await xcore([flag]);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^xcore/${packageVersion()} \\S+ node-v\\d`));
    }
  });

  it("shows the same help for no words, help, --help and -h", async () => {
    const [first, ...others] = await Promise.all(
      [[], ["help"], ["--help"], ["-h"]].map((args) => xcore(args)),
    );
    assert.equal(first?.code, 0);
    assert.match(first?.stdout ?? "", /COMMANDS[^]*\bserve\b[^]*\bstatus\b/);
    for (const other of others) assert.deepEqual(other, first);
  });

  it("shows a command's help for help <command> and <command> -h", async () => {
    const [help, flag] = await Promise.all([xcore(["help", "status"]), xcore(["status", "-h"])]);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /USAGE[^]*xcore status/);
    assert.match(help.stdout, /--json\s+Print one JSON document/);
    assert.deepEqual(flag, help);
  });

  it("names the nearest command for an unknown one and exits 2", async () => {
    const { code, stdout, stderr } = await xcore(["stauts"]);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /'stauts' is no command[^]*Try this:[^]*xcore status/);
  });

  it("names the nearest command in help too", async () => {
    const { code, stderr } = await xcore(["help", "serv"]);
    assert.equal(code, 2);
    assert.match(stderr, /Did you mean: xcore serve/);
  });

  it("names the nearest flag for an unknown one and exits 2", async () => {
    const { code, stderr } = await xcore(["serve", "--wach"]);
    assert.equal(code, 2);
    assert.match(stderr, /xcore serve has no flag --wach[^]*Did you mean --watch\?/);
  });

  it("says of a flag without a command that it is none", async () => {
    const { code, stderr } = await xcore(["--jsn"]);
    assert.equal(code, 2);
    assert.match(stderr, /has no flag --jsn[^]*--help and --version/);
  });

  it("says which argument is one too many", async () => {
    const { code, stderr } = await xcore(["stop", "now"]);
    assert.equal(code, 2);
    assert.match(stderr, /xcore stop takes no argument 'now'/);
  });

  it("says which argument is missing and how the whole is written", async () => {
    const { code, stderr } = await xcore(["plugin", "rm"]);
    assert.equal(code, 2);
    assert.match(stderr, /xcore plugin rm wants <name>[^]*Try this:\n {2}xcore plugin rm <name>/);
  });

  it("says which flag is missing", async () => {
    const { code, stderr } = await xcore(["plugin", "publish"]);
    assert.equal(code, 2);
    assert.match(stderr, /xcore plugin publish wants --to /);
  });

  it("shows a topic's commands for the topic alone, and finds the nearest one in it", async () => {
    const topic = await xcore(["plugin"]);
    assert.equal(topic.code, 0);
    assert.match(topic.stdout, /plugin add[^]*plugin rm/);
    const near = await xcore(["plugin", "ad", "../notes"]);
    assert.equal(near.code, 2);
    assert.match(near.stderr, /Did you mean: xcore plugin add/);
  });

  it("says how a value is written when it is not understood", async () => {
    const port = await xcore(["serve", "--port", "http"]);
    assert.equal(port.code, 2);
    assert.match(
      port.stderr,
      /^Error: --port http is no whole number from 0 to 65535 \(USAGE\)\n\nTry this:\n/,
    );
    const timeout = await xcore(["status", "--wait", "--timeout", "soon"]);
    assert.equal(timeout.code, 2);
    assert.match(timeout.stderr, /--timeout soon is no duration[^]*30s/);
  });

  it("answers every fault as one JSON document on stdout with --json", async () => {
    const faults: [string[], string, number][] = [
      [["stauts", "--json"], "USAGE", 2],
      [["status", "--wach", "--json"], "USAGE", 2],
      [["status", "--json"], "WORKSPACE_NOT_FOUND", 78],
      [["serve", "--json"], "WORKSPACE_NOT_FOUND", 78],
    ];
    for (const [args, expected, exit] of faults) {
      const { code, stdout, stderr } = await xcore(args);
      const document = JSON.parse(stdout) as ErrorDocument;
      assert.equal(code, exit, args.join(" "));
      assert.equal(document.ok, false);
      assert.equal(document.error.code, expected);
      assert.notEqual(document.error.hint, undefined);
      assert.equal(stderr, "");
    }
  });

  it("names file, line and column of a broken integration.yaml and exits 78", async () => {
    await using workspace = await makeWorkspace("name: shop\nserver:\n  prot: 8082\n");
    const { code, stderr } = await xcore(["serve"], { cwd: workspace.folder });
    assert.equal(code, 78);
    assert.match(stderr, /integration\.yaml:3:3/);
    assert.match(stderr, /did you mean 'port'/);
  });

  it("ends in silence with exit code 0 when the reader of its output goes away", async () => {
    const child = start(["--help"]);
    const end = ended(child);
    child.stdout.destroy();
    const { code, stderr } = await end;
    assert.equal(code, 0);
    assert.equal(stderr, "");
  });

  it("writes no colours into a pipe, nor when NO_COLOR or --no-color says so", async () => {
    const escape = "\u001B[";
    for (const run of [
      xcore(["stauts"]),
      xcore(["stauts"], { env: { NO_COLOR: "1" } }),
      xcore(["stauts", "--no-color"]),
      xcore(["--help"]),
    ]) {
      const { stdout, stderr } = await run;
      assert.ok(!stdout.includes(escape) && !stderr.includes(escape));
    }
    const forced = await xcore(["stauts"], { env: { FORCE_COLOR: "1" } });
    assert.ok(forced.stderr.includes(escape));
  });

  it("can be interrupted while it waits", async () => {
    await using workspace = await makeWorkspace();
    const child = start(["status", "--wait", "--timeout", "1h"], { cwd: workspace.folder });
    const end = ended(child);
    await once(child, "spawn");
    child.kill("SIGINT");
    const { code, signal } = await end;
    assert.ok(signal === "SIGINT" || code === 130);
  });
});

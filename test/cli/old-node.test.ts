// bin/run.js on a Node that is too old: it runs itself on the one that is installed with it, or says what to do.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { transform } from "esbuild";
import { readFile } from "node:fs/promises";
import { bin, xcore } from "./support/run.ts";

/** Makes the first process, and only it, believe that it is Node 20. */
const pretend =
  'if (process.env.XCORE_NODE_TRIED === undefined || process.env.STAY_OLD) Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.1.0" } })';
const NODE_OPTIONS = `--import data:text/javascript,${encodeURIComponent(pretend)}`;

describe("an old Node", () => {
  it("hands over to the Node of the project, with arguments and exit code", async () => {
    const { code, stderr } = await xcore(["stauts"], { env: { NODE_OPTIONS } });
    assert.equal(code, 2);
    assert.match(stderr, /'stauts' is no command/);
  });

  it("says in one sentence what to do when there is none", async () => {
    const env = { NODE_OPTIONS, XCORE_NODE_TRIED: "1", STAY_OLD: "1" };
    const { code, stdout, stderr } = await xcore(["status"], { env });
    assert.equal(code, 69);
    assert.equal(stdout, "");
    assert.match(stderr, /^xcore needs Node 24 or newer and this is v[\d.]+: install a newer one, or .*\n$/);
  });

  it("can read the program: nothing in it is younger than Node 18", async () => {
    const source = await readFile(bin, "utf8");
    const as = (target: string): Promise<string> =>
      transform(source, { target, format: "esm" }).then(({ code }) => code);
    assert.equal(await as("node18"), await as("esnext"));
  });
});

// One installation at a time, across processes, with no lock that outlives its holder.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { packageFile } from "../../../../src/core/base/package-root.ts";
import { exclusively } from "../../../../src/core/plugins/installer/exclusive.ts";
import { until } from "../../../support/services.ts";
import { makeProject } from "./workspace.ts";

const holder = (stateFolder: string): string => `
  const { exclusively } = await import(${JSON.stringify(packageFile("src/core/plugins/installer/exclusive.ts"))});
  await exclusively({ stateFolder: ${JSON.stringify(stateFolder)}, purpose: "plugin add held", waitMs: 0, onProgress() {} }, async () => {
    process.stdout.write("held\\n");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  });`;

test("another process waits, is told for whom, and fails with LOCKED naming the holder", async () => {
  await using project = await makeProject();
  const { stateFolder } = project.config;
  const child = spawn(process.execPath, ["--input-type=module", "-e", holder(stateFolder)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  const said: string[] = [];
  const options = { stateFolder, purpose: "plugin rm other", onProgress: (text: string) => said.push(text) };
  await assert.rejects(
    exclusively({ ...options, waitMs: 100 }, async () => "never"),
    {
      code: "LOCKED",
      message: new RegExp(`'xcore plugin add held' \\(process ${child.pid}`),
      hint: new RegExp(`end process ${child.pid}`),
    },
  );
  const waiting = exclusively({ ...options, waitMs: 60_000 }, async () => "mine");
  await until(() => said.length > 0);
  assert.match(said.join(), /^waiting for 'xcore plugin add held'/);
  child.kill("SIGKILL");
  await once(child, "close");
  assert.equal(await waiting, "mine", "a killed holder holds nothing");
  assert.ok(!existsSync(join(stateFolder, "install.lock")));
});

test("two at once in one process take turns", async () => {
  await using project = await makeProject();
  const { stateFolder } = project.config;
  let inside = 0;
  let most = 0;
  const options = { stateFolder, purpose: "x", waitMs: 60_000, onProgress: () => undefined };
  await Promise.all(
    Array.from({ length: 4 }, () =>
      exclusively(options, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setTimeout(resolve, 20));
        inside -= 1;
      }),
    ),
  );
  assert.equal(most, 1);
});

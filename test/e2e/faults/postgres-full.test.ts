// A real server in use while its Postgres has no connection left, and no room on its disk.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, realpath, rm, rmdir, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { openFaultedServer } from "../../support/faulted-server.ts";
import { assertSurvived } from "../../support/survived.ts";

const run = promisify(execFile);

describe("a Postgres with nothing left", () => {
  test("without connections: what is asked meanwhile is refused at once, and then all is as before", async (t) => {
    await using place = await openFaultedServer({ postgres: { settings: "max_connections = 30" } });
    const seen = await place.suffer(t, "Postgres out of connections", async () => {
      await place.databaseLine.set({ kind: "refuse" });
      const taken = await takeAllConnections(place.postgres.url);
      await place.databaseLine.set({ kind: "pass" });
      await place.unready();
      await Promise.all(taken.map((client) => client.end()));
    });
    assertSurvived(seen);
  });

  test("without room: writes fail with a clear error, reads work, and then all is as before", async (t) => {
    if (process.getuid?.() !== 0)
      return t.skip(
        "needs root, to mount a small disk: sudo -E env PATH=$PATH node --no-node-snapshot --test test/e2e/faults/postgres-full.test.ts",
      );
    await using disk = await smallDisk(200);
    await using place = await openFaultedServer({ postgres: { parent: disk.folder } });
    const hog = join(disk.folder, "hog");
    let refusal = "";
    let reading = 0;
    const seen = await place.suffer(t, "Postgres' disk full", async () => {
      await disk.fill(hog);
      for (let n = -1; refusal === "" && n > -5000; n -= 1) {
        const answer = await place.server.get(`/app/good/rows/${n}`, { method: "POST" });
        if (answer.status !== 200) refusal = `${answer.status} ${await answer.text()}`;
      }
      await place.unready();
      reading = (await place.server.get("/app/good/kept")).status;
      await rm(hog);
    });
    assert.match(refusal, /^503 .*SERVICE_UNAVAILABLE.*the database's disk is full/);
    assert.equal(reading, 200);
    assertSurvived(seen);
  });
});

async function takeAllConnections(url: string): Promise<Client[]> {
  const taken: Client[] = [];
  // Sessions that have just ended give their places free one after another.
  for (let refused = 0; refused < 3;) {
    const client = new Client({ connectionString: url });
    client.on("error", () => undefined);
    try {
      await client.connect();
      taken.push(client);
    } catch {
      refused += 1;
      await pause(50);
    }
  }
  return taken;
}

interface SmallDisk extends AsyncDisposable {
  readonly folder: string;
  /** Takes all room that is left. */
  fill(file: string): Promise<void>;
}

async function smallDisk(megabytes: number): Promise<SmallDisk> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "xcore-disk-")));
  await run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=755`, "xcore-test", folder]);
  return {
    folder,
    async fill(file) {
      const { bavail, bsize } = await statfs(folder);
      await writeFile(file, Buffer.alloc(bavail * bsize)).catch((error: unknown) => {
        // Postgres took some of it meanwhile: full is full.
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
      });
    },
    async [Symbol.asyncDispose]() {
      await run("umount", [folder]);
      await rmdir(folder);
    },
  };
}

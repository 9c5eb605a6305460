// The control socket and clients that go away as processes do that are killed.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import type { OperationTable } from "../../../src/core/admin/operations.ts";
import { openControlSocket } from "../../../src/core/admin/socket.ts";
import { controlSocketPath } from "../../../src/core/base/control-path.ts";

const question = `${JSON.stringify({ id: 1, operation: "none.such" })}\n`;

test("a client that is gone before it has read its answer is no fault of the server", async () => {
  const folder = await mkdtemp(join(tmpdir(), "xcore-control-"));
  const faults: unknown[] = [];
  const note = (error: unknown): void => void faults.push(error);
  process.on("uncaughtException", note);
  try {
    await using server = await openControlSocket(folder);
    server.serve({} as OperationTable);
    for (let round = 0; round < 5; round += 1) {
      // It never reads: when it closes, what lies unread is told to the server as a reset connection.
      const killed = connect(controlSocketPath(folder)).pause();
      await once(killed, "connect");
      killed.write(question);
      assert.match(await answerTo(connect(controlSocketPath(folder))), /NOT_FOUND/);
      killed.destroy();
      assert.match(await answerTo(connect(controlSocketPath(folder))), /NOT_FOUND/);
    }
    assert.deepEqual(faults, []);
  } finally {
    process.off("uncaughtException", note);
    await rm(folder, { recursive: true, force: true });
  }
});

async function answerTo(client: Socket): Promise<string> {
  client.write(question);
  const [line] = (await once(createInterface({ input: client }), "line")) as [string];
  client.destroy();
  return line;
}

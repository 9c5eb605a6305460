import assert from "node:assert/strict";
import { test } from "node:test";
import { pluginFull, WaitingQuota } from "../../../../src/core/services/jobs/waiting-quota.ts";

test("those who come at once are counted once and not let in beyond the quota", async () => {
  let counted = 0;
  const quota = new WaitingQuota(pluginFull, async () => {
    counted += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return 4;
  });
  const taken = await Promise.allSettled(Array.from({ length: 100 }, () => quota.take("busy", 10)));
  assert.equal(taken.filter(({ status }) => status === "fulfilled").length, 6);
  assert.equal(counted, 1);
  await assert.rejects(quota.take("busy", 10), { code: "QUOTA_EXCEEDED" });
  assert.equal(counted, 1, "a full queue is not counted again for each that is refused");
});

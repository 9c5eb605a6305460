import assert from "node:assert/strict";
import { test } from "node:test";
import { XcoreError } from "../../../src/core/base/error.ts";
import { Refusals } from "../../../src/core/plugins/refusals.ts";
import { keptLog } from "../../support/workspace.ts";

test("refused calls are all counted, the first is logged at once, the others by their number", () => {
  const logger = keptLog();
  let now = 0;
  const refusals = new Refusals("curious", logger, () => now);
  const refusal = new XcoreError("FETCH_REFUSED", "fetch: 'a\nb\u001b[2J' is refused");
  for (let at = 0; at < 1000; at += 1) refusals.note("fetch.request", refusal);
  now = 10_000;
  refusals.note('x\n{"level":"fatal"}', refusal);
  assert.equal(refusals.count, 1001);
  assert.deepEqual(
    logger.lines.map(({ message, fields }) => [message, fields["call"], fields["since"], fields["denied"]]),
    [
      ["host call denied: fetch: 'a b [2J' is refused", "fetch.request", 1, 1],
      ["host call denied: fetch: 'a b [2J' is refused", "unknown", 1000, 1001],
    ],
  );
});

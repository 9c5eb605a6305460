// A short soak of the real server: what a reload opens, it closes again. The long one is npm run soak.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { soak } from "../../bench/soak/soak.ts";
import { slope } from "../../bench/soak/verdict.ts";
import { ensureBuilt } from "../core/sandbox/built.ts";

const reloads = 40;
/** Far less than one a reload, far more than what comes and goes by itself. */
const comesAndGoes = 20;

describe("a server that is reloaded again and again under load", { timeout: 180_000 }, () => {
  before(ensureBuilt);

  it("leaves no descriptor, thread, timer or host behind", async () => {
    const { samples, requests } = await soak({
      reloads,
      ms: 3000,
      samples: 2,
      requestsPerSecond: 100,
      onSample: () => undefined,
    });
    const [first, ...others] = samples;
    const last = others.at(-1);
    assert.ok(first !== undefined && last !== undefined);
    assert.equal(last.reloads, reloads);
    for (const what of ["descriptors", "threads", "timers"] as const) {
      const more: number = last[what] - first[what];
      assert.ok(more < comesAndGoes, `${more} ${what} more after ${reloads} reloads`);
    }
    assert.ok(last.hosts <= first.hosts + 1, `${last.hosts} hosts, ${first.hosts} at first`);
    assert.ok(requests > 0);
  });

  it("is judged by the slope of most of its samples: what is given back for a while hides no growth and makes none", () => {
    const rising = [0, 100, 200, 300, 400].map((x) => [x, 5 + x / 50] as const);
    assert.equal(slope(rising), 0.02);
    assert.equal(slope([...rising.slice(0, 2), [200, 1], ...rising.slice(3)]), 0.02);
    assert.equal(
      slope([
        [0, 9],
        [100, 2],
        [200, 9],
        [300, 9],
        [400, 9],
      ]),
      0,
    );
    assert.equal(slope([[0, 5]]), 0);
  });
});

// Several subjects under the same load in turn, round by round, so that the machine's moods meet all alike.
import { median } from "./figures.ts";
import { load } from "./load.ts";
import type { Plan } from "./plan.ts";
import { cpuMs } from "./process-figures.ts";
import type { Subject } from "./subject.ts";

export interface Target {
  subject: Subject;
  path: string | readonly string[];
}

export interface Figure {
  perSecond: number;
  /** CPU time of all its processes per answer. */
  cpuUs: number;
  p50Ms: number;
  p99Ms: number;
  failed: number;
}

export interface Comparison {
  /** Median of the rounds. */
  of(name: string, key: keyof Figure): number;
  /** Median of the rounds' own ratios: both sides of each were measured right after each other. */
  ratio(name: string, peer: string, key: keyof Figure): number;
  /** Median of the rounds' own differences. */
  difference(name: string, peer: string, key: keyof Figure): number;
}

export async function compare(
  targets: readonly Target[],
  request: { connections: number; body?: string },
  plan: Plan,
): Promise<Comparison> {
  const figures = new Map<string, Figure[]>(targets.map(({ subject }) => [subject.name, []]));
  for (const target of targets) {
    await check(target, request);
    await measure(target, request, Math.max(500, plan.turnMs / 2));
  }
  for (let round = 0; round < plan.rounds; round += 1)
    for (const target of targets)
      figures.get(target.subject.name)?.push(await measure(target, request, plan.turnMs));
  const rounds = (name: string, key: keyof Figure): number[] =>
    (figures.get(name) ?? []).map((figure) => figure[key]);
  const pairs = (name: string, peer: string, key: keyof Figure): [number, number][] => {
    const others = rounds(peer, key);
    return rounds(name, key).map((value, round) => [value, others[round] ?? Number.NaN]);
  };
  return {
    of: (name, key) => median(rounds(name, key)),
    ratio: (name, peer, key) => median(pairs(name, peer, key).map(([one, other]) => one / other)),
    difference: (name, peer, key) => median(pairs(name, peer, key).map(([one, other]) => one - other)),
  };
}

async function measure(
  { subject, path }: Target,
  request: { connections: number; body?: string },
  ms: number,
): Promise<Figure> {
  const before = await cpuMs(subject.pid);
  const { address } = subject;
  const { answers, perSecond, p50Ms, p99Ms, failed } = await load({ address, path, ms, ...request });
  const usedMs = (await cpuMs(subject.pid)) - before;
  // On a machine that is busy enough a short turn may see no answer at all.
  const cpuUs = answers === 0 ? Number.NaN : (usedMs * 1000) / answers;
  return { perSecond, cpuUs, p50Ms, p99Ms, failed };
}

/** A subject that does not do what is to be measured is found out before, not by strange figures. */
async function check({ subject, path }: Target, { body }: { body?: string }): Promise<void> {
  const url = `${subject.address}${[path].flat()[0] ?? ""}`;
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, body === undefined ? {} : { method: "POST", headers, body });
  const text = await answer.text();
  if (!answer.ok)
    throw new Error(`${subject.name} answers ${answer.status} at ${url}: ${text.slice(0, 200)}`);
  if (body !== undefined && text !== body) throw new Error(`${subject.name} does not echo at ${url}`);
}

// The quotas an operator gives a tenant, held against what they can be.
import { XcoreError } from "../../base/error.ts";
import { parseRate, parseSize } from "../../base/units.ts";
import { nearestUnit } from "../../config/nearest-unit.ts";
import type { TenantQuotas } from "./store.ts";

/** Throws `INPUT_INVALID`; null is no bound. */
export function checkQuotas(quotas: TenantQuotas | undefined): void {
  const { requests, jobs, storage } = quotas ?? {};
  const rate = requests == null ? undefined : parseRate(requests);
  if (requests != null && (rate === undefined || rate.count < 1)) {
    const meant = rate === undefined ? meantRate(requests) : undefined;
    throw wrongQuota("requests", `a rate such as "600/1m", got '${requests}'`, {
      hint: `Say how many in which time: ${meant ?? "600/1m"}, or none for no bound (units s, m, h, d).`,
    });
  }
  if (storage != null && !((parseSize(storage) ?? 0) >= 1)) {
    throw wrongQuota("storage", `a size such as "1gb", got '${storage}'`, {
      hint: `Write it with its unit: ${nearestUnit(storage, "size") ?? "1gb"}, or none for no bound (units b, kb, mb, gb).`,
    });
  }
  if (jobs != null && (!Number.isInteger(jobs) || jobs < 1)) {
    throw wrongQuota("jobs", `a whole number from 1, got ${jobs}`, {
      hint: "Write how many may wait, such as 1000, or none for no bound.",
    });
  }
}

function meantRate(text: string): string | undefined {
  return nearestUnit(/^\s*[1-9]\d*\s*$/.test(text) ? `${text.trim()}/1m` : text, "rate");
}

function wrongQuota(what: string, expected: string, { hint }: { hint: string }): XcoreError {
  return new XcoreError("INPUT_INVALID", `the quota of ${what} must be ${expected}`, { hint });
}

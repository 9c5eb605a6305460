// What speaks against a newer revision of a plugin, and what somebody has to agree to.
import semver from "semver";
import { XcoreError } from "../../base/error.ts";
import { packageVersion } from "../../base/package-root.ts";
import type { Config } from "../../config/config.ts";
import { effectivePermissions, effectiveSecrets } from "../approval.ts";
import type { CatalogEntry } from "../catalog.ts";
import type { LockEntry } from "../lock.ts";
import { checkedOptions } from "../options.ts";
import { checkCompatible } from "../read-manifest.ts";
import { checkNeeds, consentRequest } from "./add.ts";
import { asksOf, type Consent } from "./consent.ts";
import type { Breakage } from "./differences.ts";
import type { Findings } from "./examine.ts";
import type { StagedPlugin } from "./prepare.ts";

interface JudgeOptions {
  config: Config;
  consent: Consent;
  breakDependants: boolean;
}

export interface Judged {
  name: string;
  entry: LockEntry;
  options: JudgeOptions;
  known: readonly CatalogEntry[];
}

/** Throws what keeps it from being taken; asks about what it wants beyond what was approved. */
export async function judge(found: Findings, { signature }: StagedPlugin, judged: Judged): Promise<void> {
  const { entry, options, known } = judged;
  const { manifest, source } = found;
  const { config } = options;
  refuseOther(found, judged);
  checkCompatible(manifest, packageVersion());
  checkNeeds(manifest, known);
  refuseBroken(manifest.name, found.ranges, { ...options, done: "updated" });
  if (found.permissions.widened.length > 0) {
    const request = {
      ...consentRequest(manifest, source, { config, signer: signature?.publicKey }),
      before: asksOf(entry.approved),
    };
    if (!(await options.consent(request))) {
      throw new XcoreError(
        "CONSENT_REFUSED",
        `plugin '${manifest.name}' was not updated: consent was refused`,
        {
          hint: "Nothing was changed.",
          details: { plugin: manifest.name },
        },
      );
    }
  }
  effectivePermissions(manifest, manifest.permissions, config);
  checkedOptions(manifest, config);
  effectiveSecrets(manifest, config);
}

function refuseOther({ manifest, history, migrations }: Findings, { name, entry }: Judged): void {
  const { version } = manifest;
  if (manifest.name !== name) {
    throw new XcoreError(
      "SOURCE_INVALID",
      `plugin '${name}' was not updated: what is there now is named '${manifest.name}'`,
      {
        hint: "Nothing was changed. Add that one by itself, if you want it.",
        details: { plugin: name, found: manifest.name },
      },
    );
  }
  if (history?.descends === false) {
    throw new XcoreError(
      "HISTORY_REWRITTEN",
      `plugin '${name}' was not updated: what is installed is not among the ancestors of what is newer`,
      {
        hint: "Its history was rewritten, or that one is older. If its author explains it: remove it with --data keep and add it again.",
        details: { plugin: name },
      },
    );
  }
  if (semver.lt(version, entry.version)) {
    throw new XcoreError(
      "PLUGIN_OLDER",
      `plugin '${name}' was not updated: ${version} is older than ${entry.version}, which is installed`,
      {
        hint: `To go back to what ran before: xcore plugin rollback ${name}. For any other: remove it with --data keep and add it again.`,
        details: { plugin: name, installed: entry.version, offered: version },
      },
    );
  }
  if (migrations.changed.length > 0) {
    throw new XcoreError(
      "MIGRATION_CHANGED",
      `plugin '${name}' was not updated: ${version} changes migrations that may have been applied: ${migrations.changed.join(", ")}`,
      {
        hint: "Nothing was changed. Its author must bring them back as they were and write new ones.",
        details: { plugin: name, migrations: migrations.changed },
      },
    );
  }
}

/** Throws `PLUGIN_DEPENDENCY` with the names of those that would no longer get what they need, and why. */
export function refuseBroken(
  name: string,
  broken: readonly Breakage[],
  { breakDependants, done }: { breakDependants: boolean; done: string },
): void {
  if (broken.length === 0 || breakDependants) return;
  const shown = broken.map(({ plugin, reasons }) => `'${plugin}' (${reasons.join("; ")})`).join(", ");
  throw new XcoreError("PLUGIN_DEPENDENCY", `plugin '${name}' was not ${done}: it would break ${shown}`, {
    hint: "Update those first, or go on with --break-dependants.",
    details: { plugin: name, broken },
  });
}

export function wentBackBefore(name: string, { wentBack }: LockEntry): XcoreError {
  return new XcoreError(
    "PLUGIN_START",
    `plugin '${name}' was not updated: ${wentBack?.version} went back by itself before: ${wentBack?.reason}`,
    {
      hint: "Wait for a newer one, or name it to try it again: --to …",
      details: { plugin: name, ...wentBack },
    },
  );
}

// What a frozen check asks beyond the files: integration.yaml and xcore.lock agree, and nobody would have to write the lock anew.
import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import { XcoreError, messageOf, systemCode } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import { builderName } from "../../sandbox/bundle-digest.ts";
import { effectiveLimits, effectivePermissions } from "../approval.ts";
import { checkDependencies } from "../dependencies.ts";
import { lockFile, lockPath, lockText, type Lock } from "../lock.ts";
import { checkedOptions } from "../options.ts";
import { knownPlugins } from "./context.ts";
import type { VerifyFinding, VerifyRule } from "./verify-findings.ts";

export async function frozenFindings(config: Config, lock: Lock): Promise<VerifyFinding[]> {
  const findings: VerifyFinding[] = [];
  const add = (rule: VerifyRule, plugin: string | null, message: string, path = lockFile): void => {
    findings.push({ rule, plugin, path, message });
  };
  const configuration = relative(config.workspace, config.file);
  const known = await knownPlugins(config, lock);
  for (const name of Object.keys(config.plugins)) {
    if (known.some((one) => one.name === name) || Object.hasOwn(lock.links ?? {}, name)) continue;
    add(
      "configuration",
      name,
      `integration.yaml speaks of plugin '${name}', which is neither in plugins/ nor in xcore.lock`,
      configuration,
    );
  }
  for (const [name, { folder }] of Object.entries(lock.links ?? {})) {
    add("linked", name, `plugin '${name}' is linked to ${folder}, which xcore.lock can't pin`);
  }
  for (const { name, manifest, source } of known) {
    if (manifest === undefined || config.plugins[name]?.enabled === false) continue;
    const entry = source === "installed" ? lock.plugins[name] : undefined;
    const attempt = (rule: VerifyRule, look: () => void, path?: string): void => {
      try {
        look();
      } catch (error) {
        const hint = error instanceof XcoreError ? error.hint : undefined;
        add(rule, name, hint === undefined ? messageOf(error) : `${messageOf(error)}. ${hint}`, path);
      }
    };
    attempt("approval", () => {
      effectivePermissions(manifest, entry?.approved, config);
      effectiveLimits(manifest, config);
    });
    attempt("configuration", () => checkedOptions(manifest, config), configuration);
    attempt("dependency", () => {
      const lookup = (other: string) => {
        const found = known.find((one) => one.name === other)?.manifest;
        return found === undefined ? undefined : { version: found.version, ready: true };
      };
      checkDependencies(
        manifest,
        lookup,
        known.map((one) => one.name),
      );
    });
  }
  for (const [name, { bundle, builder }] of Object.entries(lock.plugins)) {
    if (bundle === undefined) {
      add("lock", name, `xcore.lock does not pin the bundle of plugin '${name}': an older xcore wrote it`);
      continue;
    }
    const here = builderName(config.plugins[name]?.trust !== undefined);
    if (builder !== here) {
      add("lock", name, `the bundle of plugin '${name}' was pinned for ${builder}; this is ${here}`);
    }
  }
  const text = await readFile(lockPath(config.workspace), "utf8").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (text !== undefined && text.replaceAll("\r\n", "\n") !== lockText(lock)) {
    add("lock", null, "xcore.lock is not as this xcore would write it; run xcore plugin sync and commit it");
  }
  return findings;
}

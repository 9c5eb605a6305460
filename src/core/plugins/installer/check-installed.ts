// Whether everything that is installed is what xcore.lock says: each difference as a finding of its own, nothing is changed.
import { relative } from "node:path";
import { asXcoreError, messageOf } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import { bundlePlugin } from "../../sandbox/bundle.ts";
import { lockFile, readLock, storeFolder, type Lock, type LockEntry } from "../lock.ts";
import { readManifest } from "../read-manifest.ts";
import { checkTrust } from "../trust.ts";
import { installedSignature } from "../signatures/installed-signature.ts";
import { knownBad } from "./advisories.ts";
import { frozenFindings } from "./check-frozen.ts";
import { fileDifferences, listFiles, type Difference } from "./digest.ts";
import { installedPackages } from "./package-list.ts";
import { expectedListing, verifyBundle } from "./verify.ts";
import type { VerifyFinding, VerifyReport, VerifyRule } from "./verify-findings.ts";

export interface VerifyOptions {
  config: Config;
  /** These only; all that are installed otherwise. */
  names?: readonly string[];
  /** For CI: integration.yaml and xcore.lock must agree, too, and xcore.lock must be as this xcore writes it. */
  frozen?: boolean;
}

export async function verifyPlugins(options: VerifyOptions): Promise<VerifyReport> {
  const { config, frozen = false } = options;
  const lock = await readLock(config.workspace);
  const checked = Object.keys(lock.plugins)
    .filter((name) => options.names?.includes(name) ?? true)
    .sort();
  const findings: VerifyFinding[] = [];
  for (const name of checked) findings.push(...(await checkPlugin(name, lock, config)));
  if (frozen) findings.push(...(await frozenFindings(config, lock)));
  return { checked, findings, linked: Object.keys(lock.links ?? {}).sort(), frozen };
}

async function checkPlugin(name: string, lock: Lock, config: Config): Promise<VerifyFinding[]> {
  const entry = lock.plugins[name] as LockEntry;
  const folder = storeFolder(config.stateFolder, name, entry);
  const place = (path?: string): string =>
    path === undefined ? lockFile : relative(config.workspace, `${folder}/${path}`).replaceAll("\\", "/");
  const finding = (rule: VerifyRule, message: string, path?: string): VerifyFinding => ({
    rule,
    plugin: name,
    path: place(path),
    message,
  });
  const listing = await listFiles(folder).catch(() => undefined);
  if (listing === undefined) {
    return [finding("not-installed", `plugin '${name}' is not installed here; run xcore plugin sync`)];
  }
  if (listing.integrity !== entry.integrity) {
    const expected = await expectedListing(entry, folder);
    if (expected === undefined) {
      return [finding("files", `the files of plugin '${name}' are others than xcore.lock pins`, ".")];
    }
    return fileDifferences(expected, listing.text).map((one) =>
      finding(`file-${one.what}`, differenceWords(name, one), one.path),
    );
  }
  const findings: VerifyFinding[] = [];
  const check = async (rule: VerifyRule, path: string, look: () => Promise<unknown>): Promise<void> => {
    await look().catch((error: unknown) =>
      findings.push(finding(rule, messageOf(asXcoreError(error)), path)),
    );
  };
  const { version, signer } = entry;
  await check("signature", "plugin.sig.json", () =>
    installedSignature({ config, name, version, folder, listing: listing.text, signer }),
  );
  await check("manifest", "plugin.yaml", async () => {
    const manifest = await readManifest(folder);
    const label = `${manifest.name}@${manifest.version}`;
    if (label !== `${name}@${version}`)
      throw new Error(`it says ${label}, and xcore.lock ${name}@${version}`);
    await check("bundle", manifest.entry, async () => {
      const trust = config.plugins[name]?.trust;
      const trusted = trust !== undefined;
      const bundle = await bundlePlugin({ folder, entry: manifest.entry, label, sealed: true, trusted });
      if (trust !== undefined) checkTrust(name, trust, bundle.code);
      verifyBundle(name, entry, { code: bundle.code, trusted });
    });
  });
  for (const bad of await knownBad(await installedPackages(folder), config.policy.advisories)) {
    const fixed = bad.fixed === null ? "" : `; fixed in ${bad.fixed}`;
    findings.push(
      finding("advisory", `plugin '${name}' brings ${bad.package}: ${bad.id} ${bad.summary}${fixed}`.trim()),
    );
  }
  return findings;
}

function differenceWords(name: string, { what, path }: Difference): string {
  const words = {
    content: "was changed",
    mode: "has another mode",
    kind: "is no longer what it was: a file, a link or a device",
    missing: "is missing",
    added: "was added",
  } as const;
  return `${path} of plugin '${name}' ${words[what]}`;
}

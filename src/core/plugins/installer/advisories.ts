// Packages known to be bad, by a list in OSV format (ossf.github.io/osv-schema) that the operator keeps. Nothing is fetched.
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import semver from "semver";
import { XcoreError, messageOf } from "../../base/error.ts";
import type { AdvisoryConfig } from "../../config/config.ts";
import type { LockedPackages } from "../lock-built.ts";
import { packageName } from "./package-list.ts";

export interface Finding {
  id: string;
  summary: string;
  /** `left-pad@1.3.0` */
  package: string;
  /** The version that is no longer affected, where the advisory names one. */
  fixed: string | null;
}

interface Event {
  introduced?: unknown;
  fixed?: unknown;
  last_affected?: unknown;
}
interface Affected {
  package?: { ecosystem?: unknown; name?: unknown };
  versions?: unknown;
  ranges?: unknown;
}
interface Advisory {
  id: string;
  summary: string;
  affected: readonly Affected[];
}

const mostFiles = 50_000;
const largestFile = 256 * 1024 ** 2;

/** Advisories that concern the packages; none where no list is configured. Throws `CONFIG_INVALID` for a list that can't be read. */
export async function knownBad(
  packages: LockedPackages,
  config: AdvisoryConfig | undefined,
): Promise<Finding[]> {
  const installed = Object.entries(packages);
  if (config === undefined || installed.length === 0) return [];
  const ignored = new Set(config.ignore);
  const advisories = (await readAdvisories(config.path)).filter(({ id }) => !ignored.has(id));
  const found = installed.flatMap(([path, one]) => {
    const name = packageName(path, one);
    return advisories.flatMap(({ id, summary, affected }) => {
      const hit = affected.find((entry) => concerns(entry, name, one.version));
      if (hit === undefined) return [];
      return [{ id, summary, package: `${name}@${one.version}`, fixed: fixedIn(hit, one.version) }];
    });
  });
  return found.filter(
    (one, at) => found.findIndex((other) => other.id === one.id && other.package === one.package) === at,
  );
}

/** Throws `PACKAGE_VULNERABLE` naming every one. */
export function refuseKnownBad(plugin: string, findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  const lines = findings.map(
    ({ id, package: name, summary, fixed }) =>
      `  ${name}: ${id}${summary === "" ? "" : `: ${summary}`}${fixed === null ? "" : ` (fixed in ${fixed})`}`,
  );
  throw new XcoreError(
    "PACKAGE_VULNERABLE",
    [`plugin '${plugin}' brings packages that are known to be bad:`, ...lines].join("\n"),
    {
      hint: "Ask its author for a version with newer packages. If an advisory does not concern you, list its id under policy.advisories.ignore in integration.yaml.",
      details: { plugin, findings },
    },
  );
}

async function readAdvisories(path: string): Promise<Advisory[]> {
  try {
    const info = await stat(path);
    if (!info.isDirectory()) return await readOne(path);
    const names = (await readdir(path)).filter((name) => name.endsWith(".json")).sort();
    if (names.length > mostFiles)
      throw new Error(`it holds more than ${mostFiles} files; leave out other ecosystems`);
    const all: Advisory[] = [];
    for (const name of names) all.push(...(await readOne(join(path, name))));
    return all;
  } catch (error) {
    throw new XcoreError("CONFIG_INVALID", `the advisories in ${path} can't be read: ${messageOf(error)}`, {
      hint: "policy.advisories.path in integration.yaml names a file or folder of advisories in OSV format (JSON).",
      cause: error,
    });
  }
}

/** One advisory, a list of them, or an answer of the OSV API (`{ vulns: […] }`). */
async function readOne(file: string): Promise<Advisory[]> {
  if ((await stat(file)).size > largestFile) throw new Error(`${file} is too large`);
  const json: unknown = JSON.parse(await readFile(file, "utf8"));
  const vulns: unknown = (Object(json) as { vulns?: unknown }).vulns;
  const all: unknown[] = Array.isArray(json) ? json : Array.isArray(vulns) ? vulns : [json];
  return all.flatMap((one) => {
    const { id, summary, affected, withdrawn } = Object(one) as Record<string, unknown>;
    if (typeof id !== "string") throw new Error(`${file} holds something that is no advisory: it has no id`);
    if (withdrawn !== undefined || !Array.isArray(affected)) return [];
    return [
      {
        id,
        summary: typeof summary === "string" ? summary.slice(0, 200) : "",
        affected: affected as Affected[],
      },
    ];
  });
}

function concerns(affected: Affected, name: string, version: string): boolean {
  const { ecosystem, name: affectedName } = Object(affected.package) as {
    ecosystem?: unknown;
    name?: unknown;
  };
  if (ecosystem !== "npm" || affectedName !== name) return false;
  if (Array.isArray(affected.versions) && affected.versions.includes(version)) return true;
  return ranges(affected).some((events) => isWithin(events, version));
}

function ranges({ ranges: given }: Affected): Event[][] {
  if (!Array.isArray(given)) return [];
  return given.flatMap((range: unknown) => {
    const { type, events } = Object(range) as { type?: unknown; events?: unknown };
    return type === "SEMVER" && Array.isArray(events) ? [events as Event[]] : [];
  });
}

// The evaluation of the specification: events in the order of versions, the last one at or below the version decides.
function isWithin(events: readonly Event[], version: string): boolean {
  if (semver.valid(version) === null) return false;
  let within = false;
  for (const event of [...events].sort(byVersion)) {
    const at = versionOf(event);
    if (at === undefined) continue;
    if (event.introduced !== undefined && semver.gte(version, at)) within = true;
    if (event.fixed !== undefined && semver.gte(version, at)) within = false;
    if (event.last_affected !== undefined && semver.gt(version, at)) within = false;
  }
  return within;
}

function fixedIn(affected: Affected, version: string): string | null {
  const fixes = ranges(affected)
    .flat()
    .flatMap(({ fixed }) => (typeof fixed === "string" && semver.valid(fixed) !== null ? [fixed] : []));
  return semver.sort(fixes.filter((fixed) => semver.gt(fixed, version)))[0] ?? null;
}

function versionOf({ introduced, fixed, last_affected }: Event): string | undefined {
  const given = introduced ?? fixed ?? last_affected;
  if (given === "0") return "0.0.0-0";
  return typeof given === "string" && semver.valid(given) !== null ? given : undefined;
}

const byVersion = (a: Event, b: Event): number =>
  semver.compare(versionOf(a) ?? "0.0.0-0", versionOf(b) ?? "0.0.0-0");

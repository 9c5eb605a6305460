// What an npm registry says about a package: its releases, where their tarballs lie and what those must hash to.
import semver from "semver";
import { XcoreError, messageOf } from "../../base/error.ts";
import { formatSize } from "../../base/units.ts";
import type { Caps } from "./caps.ts";
import { follow, unreachable } from "./download.ts";
import type { Npmrc } from "./npmrc.ts";

export interface Release {
  readonly version: string;
  readonly tarball: string;
  /** `sha512-…`; undefined where the registry gives none. */
  readonly archive: string | undefined;
}

export interface NpmPackage {
  readonly name: string;
  readonly registry: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly releases: ReadonlyMap<string, Release>;
}

export interface LookUpOptions {
  name: string;
  registry: string;
  npmrc: Npmrc;
  caps: Caps;
  signal: AbortSignal;
}

const largestAnswer = 32 * 1024 ** 2;

/** Throws `SOURCE_UNREACHABLE`, or `SOURCE_INVALID` when the answer is none. */
export async function lookUpPackage(options: LookUpOptions): Promise<NpmPackage> {
  const { name, registry, npmrc, caps, signal } = options;
  const url = `${registry}${name.replace("/", "%2f")}`;
  const authorization = npmrc.authorization(url);
  const deadline = AbortSignal.timeout(caps.idleMs);
  try {
    const response = await follow(url, {
      signal: AbortSignal.any([deadline, signal]),
      headers: {
        accept: "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8",
        ...(authorization === undefined ? {} : { authorization }),
      },
    });
    return packageOf(JSON.parse(await limited(response, url)), options);
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted) throw unreachable(url, "the registry does not answer in time");
    if (error instanceof XcoreError && /answers 40[134]/.test(error.message)) throw notThere(options);
    if (error instanceof XcoreError) throw error;
    if (error instanceof SyntaxError) throw unreachable(url, "the answer is no JSON");
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw unreachable(url, messageOf(cause));
  }
}

async function limited(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > largestAnswer)
      throw unreachable(url, `the answer is larger than ${formatSize(largestAnswer)}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

// A registry is a stranger, too: only what has the right shape is taken over.
function packageOf(answer: unknown, { name, registry }: LookUpOptions): NpmPackage {
  const { versions, "dist-tags": tags } = Object(answer) as Record<string, unknown>;
  const releases = Object.entries(Object(versions) as Record<string, unknown>).flatMap(
    ([version, one]): [string, Release][] => {
      const { tarball, integrity } = Object((Object(one) as { dist?: unknown }).dist) as Record<
        string,
        unknown
      >;
      if (semver.valid(version) === null || typeof tarball !== "string") return [];
      const archive =
        typeof integrity === "string" ? /sha512-[A-Za-z0-9+/]{86}==/.exec(integrity)?.[0] : undefined;
      return [[version, { version, tarball, archive }]];
    },
  );
  const known = new Map(releases);
  const named = Object.entries(Object(tags) as Record<string, unknown>).filter(
    (pair): pair is [string, string] => typeof pair[1] === "string" && known.has(pair[1]),
  );
  return { name, registry, releases: known, tags: Object.fromEntries(named) };
}

/** What a range, version or tag means now; undefined: the newest. Throws `SOURCE_INVALID` with what there is. */
export function releaseFor(found: NpmPackage, range: string | undefined): Release {
  const release = found.releases.get(newestIn(found, range) ?? "");
  if (release !== undefined) return release;
  const versions = semver.rsort([...found.releases.keys()]).slice(0, 10);
  throw new XcoreError(
    "SOURCE_INVALID",
    `npm:${found.name} has no release '${range ?? "latest"}' in ${found.registry}`,
    {
      hint: versions.length === 0 ? "It has none at all." : `There are: ${versions.join(", ")}`,
    },
  );
}

/** The version itself; undefined when there is none. */
export function newestIn(found: NpmPackage, range: string | undefined): string | undefined {
  const { tags, releases } = found;
  const tag = range ?? "latest";
  if (Object.hasOwn(tags, tag)) return tags[tag];
  return semver.maxSatisfying([...releases.keys()], range ?? "*") ?? undefined;
}

function notThere({ name, registry }: LookUpOptions): XcoreError {
  return new XcoreError(
    "SOURCE_UNREACHABLE",
    `npm:${name} is not in ${registry}, or it does not let you in`,
    {
      hint: `Check the name. For a private one set up .npmrc: ${name.startsWith("@") ? `${name.split("/")[0]}:registry=https://… and ` : ""}the token of its registry.`,
      details: { name, registry },
    },
  );
}

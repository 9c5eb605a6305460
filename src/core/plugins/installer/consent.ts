// What a plugin asks for, in plain words, worst first; and how an installer's yes to it is written on a command line.
import { XcoreError } from "../../base/error.ts";
import { nearest } from "../../base/nearest.ts";
import type { Permissions } from "../../config/config.ts";
import { permissionsSchema } from "../../config/schema-parts.ts";
import { compileSchema } from "../../config/validate.ts";
import { unapproved } from "../approval.ts";

export interface Ask {
  /** As `--allow` takes it: `fetch=api.example.com`. */
  readonly allow: string;
  /** What it means, after "It wants to". */
  readonly words: string;
}

export interface ConsentRequest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Where it comes from, with the full commit where there is one. */
  readonly origin: string;
  /** Who signed it, in words: "not signed", "signed by our-team (SHA256:…)". */
  readonly signature: string;
  /** integration.yaml names a digest for it: it would run in the server's own process. */
  readonly trusted: boolean;
  readonly permissions: Permissions;
  /** The same in words, worst first; empty when it asks for nothing. */
  readonly asks: readonly Ask[];
  /** All asks as one value for `--allow`. */
  readonly allow: string;
  /** What it had been allowed before; undefined when it is new. */
  readonly before: readonly Ask[] | undefined;
}

/** Asked once, before anything is changed. False: refused. May throw `CONSENT_REFUSED` itself, to say more. */
export type Consent = (request: ConsentRequest) => Promise<boolean>;

/** What reaches out of this machine with what it knows comes first, what only costs room comes last. */
export function asksOf(permissions: Permissions): Ask[] {
  const { fetch, secrets, services, call, events, database, jobs, cache } = permissions;
  return [
    ...fetch
      .filter(isWide)
      .map((host) =>
        ask(`fetch=${host}`, `exchange data with any host under ${host.slice(2)} over the network`),
      ),
    ...secrets.map((name) => ask(`secret=${name}`, `read the secret ${name}`)),
    ...fetch
      .filter((host) => !isWide(host))
      .map((host) => ask(`fetch=${host}`, `exchange data with ${host} over the network`)),
    ...services.map((name) => ask(`service=${name}`, `use this server's service ${name}`)),
    ...call.map((action) =>
      ask(
        `call=${action}`,
        action.endsWith(".*")
          ? `have the plugin ${action.slice(0, -2)} do anything it offers`
          : `have the plugin ${action.split(".")[0]} do '${action.split(".")[1]}'`,
      ),
    ),
    ...events.subscribe.map((name) =>
      ask(`subscribe=${name}`, name === "*" ? "hear every event" : `hear the events ${name}`),
    ),
    ...events.publish.map((name) =>
      ask(`publish=${name}`, name === "*" ? "publish every event" : `publish the events ${name}`),
    ),
    ...(database ? [ask("database", "keep data in a database schema of its own")] : []),
    ...(jobs ? [ask("jobs", "run jobs in the background and on a schedule")] : []),
    ...(cache ? [ask("cache", "keep entries of its own in the cache")] : []),
  ];
}

const isWide = (value: string): boolean => value.includes("*");
const ask = (allow: string, words: string): Ask => ({ allow, words });

export function allowText(asks: readonly Ask[]): string {
  return asks.map((one) => one.allow).join(",");
}

/** The flag as it can be copied into a shell. */
function allowFlag(text: string): string {
  return `--allow ${/[^\w.,=:-]/.test(text) ? `'${text}'` : text}`;
}

const lists = {
  fetch: (yaml: Draft, value: string) => (yaml.fetch ??= []).push(value),
  call: (yaml: Draft, value: string) => (yaml.call ??= []).push(value),
  publish: (yaml: Draft, value: string) => ((yaml.events ??= {}).publish ??= []).push(value),
  subscribe: (yaml: Draft, value: string) => ((yaml.events ??= {}).subscribe ??= []).push(value),
  secret: (yaml: Draft, value: string) => (yaml.secrets ??= []).push(value),
  service: (yaml: Draft, value: string) => (yaml.services ??= []).push(value),
} as const;
const flags = ["database", "cache", "jobs"] as const;

interface Draft {
  database?: boolean;
  cache?: boolean;
  jobs?: boolean;
  fetch?: string[];
  call?: string[];
  events?: { publish?: string[]; subscribe?: string[] };
  secrets?: string[];
  services?: string[];
}

/** `database,fetch=api.example.com` as permissions. Throws `USAGE` naming what is no permission. */
export function parseAllow(texts: readonly string[]): Permissions {
  const draft: Draft = {};
  const validate = compileSchema(permissionsSchema("What is allowed."));
  for (const item of texts.flatMap((text) => text.split(",")).map((text) => text.trim())) {
    if (item === "") continue;
    const one: Draft = {};
    for (const into of [one, draft]) put(into, item);
    if (!validate(one)) {
      const expected: unknown = validate.errors?.[0]?.parentSchema?.["errorMessage"];
      throw usage(item, typeof expected === "string" ? `expected ${expected} behind '='` : "it is not valid");
    }
  }
  return {
    database: draft.database ?? false,
    cache: draft.cache ?? false,
    jobs: draft.jobs ?? false,
    fetch: (draft.fetch ?? []).map((host) => host.toLowerCase()),
    call: draft.call ?? [],
    events: { publish: draft.events?.publish ?? [], subscribe: draft.events?.subscribe ?? [] },
    secrets: draft.secrets ?? [],
    services: draft.services ?? [],
  };
}

function put(draft: Draft, item: string): void {
  const [kind = "", ...rest] = item.split("=");
  const value = rest.join("=");
  const flag = flags.find((name) => name === kind);
  if (flag !== undefined && rest.length === 0) {
    draft[flag] = true;
    return;
  }
  if (flag !== undefined) throw usage(item, `'${flag}' takes no value`);
  if (!Object.hasOwn(lists, kind)) {
    const known = [...flags, ...Object.keys(lists)];
    const near = nearest(kind, known);
    throw usage(item, near === undefined ? `known are ${known.join(", ")}` : `did you mean '${near}'?`);
  }
  if (value === "") throw usage(item, `write '${kind}=…'`);
  lists[kind as keyof typeof lists](draft, value);
}

/** Consent of a script: exactly what `--allow` covers. Throws `CONSENT_REFUSED` naming what is missing. */
export function consentByAllow(allowed: Permissions): Consent {
  return async (request) => {
    const uncovered = new Set(asksAmong(request, unapproved(request.permissions, allowed)));
    const fresh = newAsks(request);
    const missing = fresh.filter((one) => uncovered.has(one));
    if (missing.length === 0) return true;
    const allow = allowText(fresh);
    throw new XcoreError(
      "CONSENT_REFUSED",
      `plugin '${request.name}' asks for more than --allow covers: ${allowText(missing)}`,
      {
        hint: `If you want that, run it with: ${allowFlag(allow)}`,
        details: { plugin: request.name, missing: missing.map((one) => one.allow), allow },
      },
    );
  };
}

/** What it asks for beyond what it was allowed before; all of it when it is new. */
export function newAsks(request: ConsentRequest): readonly Ask[] {
  if (request.before === undefined) return request.asks;
  return asksAmong(request, unapproved(request.permissions, parseAllow([allowText(request.before)])));
}

// `unapproved` writes "events.publish note.*" where --allow has "publish=note.*".
function asksAmong(request: ConsentRequest, lines: readonly string[]): Ask[] {
  const wanted = new Set(
    lines.map((line) =>
      line
        .replace(/^events\./, "")
        .replace(/^(secret|service)s /, "$1 ")
        .replace(" ", "="),
    ),
  );
  return request.asks.filter((one) => wanted.has(one.allow));
}

/** Nobody can be asked: whoever asks for nothing is let in, everyone else is named with the flag to copy. */
export const consentWithoutTerminal: Consent = async (request) => {
  const fresh = newAsks(request);
  if (fresh.length === 0) return true;
  const allow = allowText(fresh);
  throw new XcoreError(
    "CONSENT_REFUSED",
    `plugin '${request.name}' asks for ${allow}, and nobody is at a terminal to allow it`,
    {
      hint: `If you want that, run it with: ${allowFlag(allow)}`,
      details: { plugin: request.name, missing: fresh.map((one) => one.allow), allow },
    },
  );
};

function usage(item: string, why: string): XcoreError {
  return new XcoreError("USAGE", `--allow: '${item}' is no permission: ${why}`, {
    hint: "For example: --allow database,fetch=api.example.com,call=mailer.send,publish=note.*. A plugin that asks for nothing needs only --yes.",
  });
}

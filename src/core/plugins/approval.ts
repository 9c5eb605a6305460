// What a plugin gets of what it asks for. The installation decides: ceilings and approvals in integration.yaml and xcore.lock.
import type { Limits } from "../base/limits.ts";
import { XcoreError } from "../base/error.ts";
import { formatDuration, formatSize, type Rate } from "../base/units.ts";
import type { Config, Permissions } from "../config/config.ts";
import { above } from "../config/units.ts";
import type { Manifest } from "./manifest.ts";

/**
 * The limits a plugin runs under: its own entry in integration.yaml if there is one, else what it asks for, else the defaults.
 * Throws `PERMISSION_NOT_APPROVED` when it asks for more than a ceiling that its entry does not lift.
 */
export function effectiveLimits(manifest: Manifest, config: Config): Limits {
  const { ceilings, defaults } = config.policy;
  const own: Partial<Limits> = config.plugins[manifest.name]?.limits ?? {};
  const asked = manifest.limits;
  const tooMuch: string[] = [];
  const check = (
    key: string,
    field: Exclude<keyof Limits, "rate">,
    show: (value: number) => string,
  ): void => {
    const wanted = asked[field];
    if (own[field] !== undefined || wanted === undefined || wanted <= ceilings[field]) return;
    tooMuch.push(`${key} ${show(wanted)} (ceiling ${show(ceilings[field])})`);
  };
  check("memory", "memoryBytes", formatSize);
  check("cpu", "cpuMs", formatDuration);
  check("timeout", "timeoutMs", formatDuration);
  check("streamIdle", "streamIdleMs", formatDuration);
  check("streamTime", "streamTimeMs", formatDuration);
  check("streamSize", "streamBytes", formatSize);
  if (own.rate === undefined && asked.rate !== undefined && above(asked.rate, ceilings.rate)) {
    tooMuch.push(`rate ${formatRate(asked.rate)} (ceiling ${formatRate(ceilings.rate)})`);
  }
  if (tooMuch.length > 0) {
    throw new XcoreError(
      "PERMISSION_NOT_APPROVED",
      `plugin '${manifest.name}' asks for more than this installation allows: ${tooMuch.join(", ")}`,
      {
        hint: `Allow it under plugins.${manifest.name}.limits or policy.ceilings in integration.yaml, or lower limits in its plugin.yaml.`,
        details: { plugin: manifest.name, limits: tooMuch },
      },
    );
  }
  return { ...defaults, ...asked, ...own };
}

/**
 * The permissions a plugin gets: all it asks for, once each is approved. `approved` is what the lock file holds; undefined for the
 * project's own plugins, which are approved by lying in plugins/. `allow` in integration.yaml takes the place of either.
 * Throws `PERMISSION_NOT_APPROVED` naming each that is missing.
 */
export function effectivePermissions(
  manifest: Manifest,
  approved: Permissions | undefined,
  config: Config,
): Permissions {
  const allow = config.plugins[manifest.name]?.allow;
  const limit = allow ?? approved;
  if (limit === undefined) return manifest.permissions;
  const missing = unapproved(manifest.permissions, limit);
  if (missing.length === 0) return manifest.permissions;
  throw new XcoreError(
    "PERMISSION_NOT_APPROVED",
    `plugin '${manifest.name}' asks for what was not approved: ${missing.join(", ")}`,
    {
      hint:
        allow === undefined
          ? `Approve it with xcore plugin approve ${manifest.name}, or list it under plugins.${manifest.name}.allow in integration.yaml.`
          : `Add it to plugins.${manifest.name}.allow in integration.yaml, or take it out of the plugin's plugin.yaml.`,
      details: { plugin: manifest.name, missing },
    },
  );
}

/** Values of the secrets the manifest names; throws `PLUGIN_CONFIG` naming each that has none. */
export function effectiveSecrets(manifest: Manifest, config: Config): Readonly<Record<string, string>> {
  const given = config.plugins[manifest.name]?.secrets ?? {};
  const missing = manifest.permissions.secrets.filter((name) => !Object.hasOwn(given, name));
  if (missing.length > 0) {
    throw new XcoreError(
      "PLUGIN_CONFIG",
      `plugin '${manifest.name}' needs the secret ${missing.join(", ")}`,
      {
        hint: missing
          .map((name) => `Set plugins.${manifest.name}.secrets.${name}: \${${name}} in integration.yaml.`)
          .join(" "),
        details: { plugin: manifest.name, missing },
      },
    );
  }
  return Object.fromEntries(manifest.permissions.secrets.map((name) => [name, given[name] ?? ""]));
}

/** Every permission as one line: `database`, `fetch api.example.com`, `events.publish note.*`. */
export function permissionLines(permissions: Permissions): string[] {
  const flags = (["database", "cache", "jobs"] as const).filter((name) => permissions[name]);
  return [
    ...flags,
    ...permissions.fetch.map((host) => `fetch ${host}`),
    ...permissions.call.map((action) => `call ${action}`),
    ...permissions.events.publish.map((name) => `events.publish ${name}`),
    ...permissions.events.subscribe.map((name) => `events.subscribe ${name}`),
    ...permissions.secrets.map((name) => `secrets ${name}`),
    ...permissions.services.map((name) => `services ${name}`),
  ];
}

/** What `asked` holds beyond `approved`, as `permissionLines` writes it. */
export function unapproved(asked: Permissions, approved: Permissions): string[] {
  const granted = permissionLines(approved);
  return permissionLines(asked).filter((line) => !granted.some((grant) => covers(grant, line)));
}

/** Whether one line of `permissionLines` allows what another asks for. */
export function covers(grant: string, line: string): boolean {
  const [kind = "", value = ""] = line.split(" ");
  const [granted = "", pattern = ""] = grant.split(" ");
  if (kind !== granted) return false;
  return (kind === "fetch" ? coversHost : coversName)(pattern, value);
}

/** `note.*` covers `note.created` and `note.tag.*`; `*` covers everything. */
function coversName(pattern: string, value: string): boolean {
  if (pattern === value || pattern === "*") return true;
  return pattern.endsWith(".*") && value.startsWith(pattern.slice(0, -1));
}

/** `*.example.com` covers `api.example.com` and `*.api.example.com`, not `example.com`; ports must agree. */
function coversHost(pattern: string, value: string): boolean {
  if (pattern === value) return true;
  return pattern.startsWith("*.") && value.endsWith(pattern.slice(1)) && value !== `*${pattern.slice(1)}`;
}

const formatRate = (rate: Rate | undefined): string =>
  rate === undefined ? "none" : `${rate.count} per ${formatDuration(rate.perMs)}`;

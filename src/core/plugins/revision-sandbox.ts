// The sandbox of one revision: its code, its limits and what it was granted; one isolate, several, or one for each tenant.
import { join } from "node:path";
import type { XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { redactor } from "../base/redact.ts";
import { secretOptions } from "../config/secret-options.ts";
import type { Sandbox, SandboxOptions, SandboxPool } from "../sandbox/sandbox.ts";
import type { Build } from "./build.ts";
import type { Grants } from "./grants.ts";
import { inspectableCode } from "./inspected.ts";
import { SandboxGroup, type AfterLoss } from "./sandbox-group.ts";
import type { TenantSources } from "./tenant-gate.ts";
import { TenantSandboxes } from "./tenant-sandboxes.ts";

export interface RevisionSandboxSources {
  sandboxes: SandboxPool;
  logger: Logger;
  /** Undefined: the server has no tenants. */
  tenants?: TenantSources | undefined;
}

export interface RevisionSandboxOptions {
  build: Build;
  /** Placement key of its host process. */
  group: string;
  /** It is open to a debugger. Default false. */
  inspect?: boolean;
  /** One of its several isolates has ended, the others go on. Default: the sandbox ends. */
  onLoss?(reason: XcoreError): AfterLoss;
  onEnd(reason: XcoreError): void;
}

/** How long a plugin's `start` may take. */
export const startTimeoutMs = 10_000;

/** `start` has not been called in it. Rejects with the reason; then nothing of it is left. */
export async function openRevisionSandbox(
  options: RevisionSandboxOptions,
  grants: Grants,
  { sandboxes, logger, tenants }: RevisionSandboxSources,
): Promise<Sandbox> {
  const { build, group, onEnd, onLoss = () => "end" } = options;
  const each = await eachIsolate(options, grants, { logger, hasTenants: tenants !== undefined });
  const open = (more: Partial<SandboxOptions>): Promise<Sandbox> => sandboxes.open({ ...each, ...more });
  const own =
    build.isolates === 1
      ? await sandboxes.open(each)
      : await SandboxGroup.open({
          count: build.isolates,
          startTimeoutMs,
          open: (at, more) => open({ group: at === 0 ? group : `${group}/${at + 1}`, ...more }),
          onLoss,
          onEnd,
        });
  if (tenants?.isolated !== true || build.trusted) return own;
  return new TenantSandboxes({ own, plugin: build.label, startTimeoutMs, open, onEnd });
}

async function eachIsolate(
  { build, group, inspect, onEnd }: RevisionSandboxOptions,
  grants: Grants,
  { logger, hasTenants }: { logger: Logger; hasTenants: boolean },
): Promise<SandboxOptions> {
  const { name } = build.manifest;
  const lines = logger.child({ plugin: name });
  const redact = redactor({ ...secretOptions(build.config), ...build.secrets });
  return {
    label: build.label,
    ...(build.trusted ? { trusted: join(build.entry.folder, build.manifest.entry) } : {}),
    group,
    ...(inspect === true
      ? { inspect: true, code: await inspectableCode(build) }
      : { code: build.bundle.code }),
    sourceMap: build.bundle.sourceMap,
    limits: build.limits,
    boot: {
      plugin: name,
      version: build.manifest.version,
      config: build.config,
      permissions: grants.permissions,
      ...(hasTenants ? { tenants: true } : {}),
    },
    onHostCall: (call) => grants.handle(call),
    onLog: ({ level, message, fields, origin }) =>
      lines[level]({ guest: redact.data(fields), tenant: origin?.tenant?.id }, redact.text(message)),
    redact: redact.text,
    onEnd,
  };
}

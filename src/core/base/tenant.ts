// The tenant a call runs for, as every floor below the registry of tenants sees it. Held by the core; a guest is never told it.

export interface CallTenant {
  readonly id: string;
  /** Tells it from an earlier tenant of the same name that was dropped. */
  readonly serial: number;
  /** Jobs it may have waiting, over all plugins; undefined: as many as each plugin may. */
  readonly maxJobs: number | undefined;
  /** What all plugins together may keep for it in the database; undefined: no bound. */
  readonly maxBytes: number | undefined;
  /** Whether the plugin is in its set. */
  reaches(plugin: string): boolean;
  /** Throws `TENANT_SUSPENDED`, or `TENANT_UNKNOWN` once it was dropped. Asked anew for every host call. */
  assertActive(): void;
}

/** Whose data it is in the services: `notes`, or `notes@acme` for what the plugin keeps for a tenant. */
export function ownerOf(plugin: string, tenant: string | undefined): string {
  return tenant === undefined ? plugin : `${plugin}@${tenant}`;
}

/** The plugin and the tenant of an owner; a plugin's name holds no `@`. */
export function partsOf(owner: string): { plugin: string; tenant: string | undefined } {
  const at = owner.indexOf("@");
  return at === -1
    ? { plugin: owner, tenant: undefined }
    : { plugin: owner.slice(0, at), tenant: owner.slice(at + 1) };
}

// Permissions in compiled form: absent lists are empty, absent booleans false.
import type { Permissions } from "./config.ts";
import type { PermissionsYaml } from "./schema-parts.ts";

export function permissionsOf(yaml: PermissionsYaml | undefined): Permissions {
  return {
    database: yaml?.database ?? false,
    cache: yaml?.cache ?? false,
    jobs: yaml?.jobs ?? false,
    fetch: (yaml?.fetch ?? []).map((host) => host.toLowerCase()),
    call: [...(yaml?.call ?? [])],
    events: {
      publish: [...(yaml?.events?.publish ?? [])],
      subscribe: [...(yaml?.events?.subscribe ?? [])],
    },
    secrets: [...(yaml?.secrets ?? [])],
    services: [...(yaml?.services ?? [])],
  };
}

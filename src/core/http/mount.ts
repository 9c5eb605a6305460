// Where plugins are mounted: /app/<plugin>/…
import { XcoreError } from "../base/error.ts";
import { suggestion } from "../base/nearest.ts";
import type { CallTenant } from "../base/tenant.ts";
import type { Plugin } from "../plugins/plugin.ts";
import type { PluginRegistry } from "../plugins/registry.ts";

export const mountRoot = "/app/";

/** The plugin a URL under the mount root belongs to. Throws `PLUGIN_NOT_FOUND`, also for one that is not in the tenant's set. */
export function pluginAt(url: string, plugins: PluginRegistry, tenant?: CallTenant): Plugin {
  const name = nameIn(url);
  const plugin = plugins.find(name);
  if (plugin !== undefined && tenant?.reaches(name) !== false) return plugin;
  const known = plugins.list().flatMap((one) => (tenant?.reaches(one.name) === false ? [] : [one.name]));
  throw new XcoreError("PLUGIN_NOT_FOUND", `no plugin is mounted at ${mountRoot}${name.slice(0, 64)}/`, {
    hint: suggestion(name, known),
  });
}

/** The path and query inside the plugin: `/app/notes/1?x` is `/1?x`. */
export function innerPath(url: string): string {
  const rest = url.slice(mountRoot.length + nameIn(url).length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

function nameIn(url: string): string {
  let end = mountRoot.length;
  while (end < url.length && url[end] !== "/" && url[end] !== "?") end += 1;
  return url.slice(mountRoot.length, end);
}

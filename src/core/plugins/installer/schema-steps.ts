// What an update does to a plugin's schemas, and how it is taken back when the rest of it fails.
import type { PluginSchemas } from "./data.ts";

/** Notes where the schemas are now; what is returned takes them back there, by the files in `migrations`. */
export async function revertTo(
  name: string,
  migrations: string,
  schemas: PluginSchemas | undefined,
): Promise<() => Promise<void>> {
  const before = new Map((await schemas?.applied(name))?.map(({ owner, names }) => [owner, names]));
  return async () => {
    for (const { owner, names } of (await schemas?.applied(name)) ?? []) {
      const known = before.get(owner) ?? [];
      if (names.length > known.length) await schemas?.undo(owner, migrations, known.at(-1) ?? "0");
    }
  };
}

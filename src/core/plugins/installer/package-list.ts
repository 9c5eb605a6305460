// Which npm packages lie beside a plugin's code, with versions and licences; nothing of them is run to learn it.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { LockedPackage, LockedPackages } from "../lock-built.ts";

/** By path, sorted. A folder whose package.json can't be read is listed with the version `?`. */
export async function installedPackages(folder: string): Promise<LockedPackages> {
  const found: [string, LockedPackage][] = [];
  await look(folder, "node_modules", found);
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function look(folder: string, modules: string, found: [string, LockedPackage][]): Promise<void> {
  for (const name of await folders(join(folder, modules))) {
    if (name.startsWith(".")) continue;
    const inner = name.startsWith("@") ? await folders(join(folder, modules, name)) : undefined;
    const paths = inner?.map((one) => `${modules}/${name}/${one}`) ?? [`${modules}/${name}`];
    for (const path of paths) {
      found.push([path, await describe(join(folder, path, "package.json"), path)]);
      await look(folder, `${path}/node_modules`, found);
    }
  }
}

async function describe(file: string, path: string): Promise<LockedPackage> {
  const json = await readFile(file, "utf8").then(
    (text) => parsed(text),
    () => parsed("{}"),
  );
  const { name, version } = json;
  const license = licenseOf(json);
  const own = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
  return {
    version: typeof version === "string" ? version.slice(0, 100) : "?",
    ...(license === undefined ? {} : { license }),
    ...(typeof name === "string" && name !== own ? { name: name.slice(0, 220) } : {}),
  };
}

// `license: "MIT"`, or the older `{ type }` and `licenses: [{ type }]`.
function licenseOf({ license, licenses }: Record<string, unknown>): string | undefined {
  const given = [license, licenses]
    .flat()
    .map((one) => (typeof one === "string" ? one : (Object(one) as { type?: unknown }).type))
    .filter((one) => typeof one === "string" && one !== "");
  return given.length === 0 ? undefined : given.join(" OR ").slice(0, 200);
}

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

async function folders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** The lock file that npm made, without the registry's addresses: another one that serves the same bytes will do. */
export async function madeLock(folder: string): Promise<LockedPackages> {
  const { packages } = parsed(await readFile(join(folder, "package-lock.json"), "utf8").catch(() => "{}"));
  const entries = Object.entries(Object(packages) as Record<string, Record<string, unknown>>);
  return Object.fromEntries(
    entries
      .filter(([path]) => path !== "")
      .map(([path, one]) => [
        path,
        Object.fromEntries(
          lockedKeys.flatMap((key) => (one[key] === undefined ? [] : [[key, one[key]]])),
        ) as LockedPackage,
      ]),
  );
}

const lockedKeys = [
  "version",
  "license",
  "integrity",
  "name",
  "dependencies",
  "optionalDependencies",
  "optional",
  "os",
  "cpu",
  "libc",
] as const satisfies (keyof LockedPackage)[];

/** The package's name, of its path or its alias. */
export function packageName(path: string, { name }: LockedPackage): string {
  return name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
}

export interface LicenseGroup {
  /** As package.json says; `unknown` where it says nothing. */
  readonly license: string;
  /** `left-pad@1.3.0` */
  readonly packages: readonly string[];
}

/** The most frequent first. */
export function licenseSummary(packages: LockedPackages): LicenseGroup[] {
  const groups = Map.groupBy(Object.entries(packages), ([, { license }]) => license ?? "unknown");
  return [...groups]
    .map(([license, of]) => ({
      license,
      packages: of.map(([path, one]) => `${packageName(path, one)}@${one.version}`),
    }))
    .sort((a, b) => b.packages.length - a.packages.length || (a.license < b.license ? -1 : 1));
}

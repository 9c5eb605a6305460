// Reads plugin.yaml as data: checked as a whole, compiled and frozen. Nothing of the plugin runs.
import { readdir, realpath, stat } from "node:fs/promises";
import { extname, isAbsolute, join, relative, resolve, sep } from "node:path";
import semver from "semver";
import { XcoreError, messageOf } from "../base/error.ts";
import { faultsError, type Fault } from "../config/faults.ts";
import { compileForeignSchema } from "../config/foreign-schema.ts";
import { deepFreeze } from "../config/freeze.ts";
import { nameFault } from "../config/names.ts";
import { permissionsOf } from "../config/permissions.ts";
import { limitsOf, type Complain } from "../config/units.ts";
import { compileSchema, valid, validateDocument } from "../config/validate.ts";
import { parseYaml } from "../config/yaml-document.ts";
import { readYamlSource } from "../config/yaml-source.ts";
import type { Manifest } from "./manifest.ts";
import { manifestDefaults, manifestSchema, type ManifestYaml } from "./manifest-schema.ts";

export const manifestFile = "plugin.yaml";

const largestFile = 64 * 1024;
const entryTypes = [".ts", ".mts", ".tsx", ".js", ".mjs", ".jsx"];

/** Reads the plugin.yaml in `folder`; throws `MANIFEST_INVALID` with every fault in `details.errors`. */
export async function readManifest(folder: string): Promise<Manifest> {
  const names = await readdir(folder).catch(() => []);
  const source = await readYamlSource(join(folder, manifestFile), {
    code: "MANIFEST_INVALID",
    maxBytes: largestFile,
    missing: () => missing(folder, names),
  });
  const { document, faults } = parseYaml(source);
  if (faults.length === 0) faults.push(...validateDocument(compileSchema(manifestSchema), document));
  if (faults.length > 0) throw faultsError("MANIFEST_INVALID", source, faults);

  const semantic: Fault[] = [];
  const complain: Complain = (path, message) => {
    semantic.push({ path, span: document.span(path), message });
  };
  const yaml = valid<ManifestYaml>(document.value);
  const manifest = compile(yaml, complain);
  checkConfigSchema(manifest.config, complain);
  await checkPaths(folder, manifest, yaml, complain);
  if (semantic.length > 0) throw faultsError("MANIFEST_INVALID", source, semantic);
  return deepFreeze(manifest);
}

/** Throws `PLUGIN_INCOMPATIBLE` when the plugin was written for another xcore. */
export function checkCompatible(manifest: Manifest, xcoreVersion: string): void {
  if (semver.satisfies(xcoreVersion, manifest.xcore, { includePrerelease: true })) return;
  throw new XcoreError(
    "PLUGIN_INCOMPATIBLE",
    `plugin '${manifest.name}' asks for xcore ${manifest.xcore}; this is ${xcoreVersion}`,
    {
      hint: `Install a version of '${manifest.name}' for xcore ${xcoreVersion}, or change xcore in its plugin.yaml once you know it works.`,
      details: { plugin: manifest.name, wanted: manifest.xcore, xcore: xcoreVersion },
    },
  );
}

function compile(yaml: ManifestYaml, complain: Complain): Manifest {
  const reserved = nameFault(yaml.name);
  if (reserved !== undefined) complain(["name"], `the name '${yaml.name}' ${reserved}`);
  if (semver.valid(yaml.version) === null) {
    const near = semver.coerce(yaml.version)?.version;
    complain(
      ["version"],
      `expected a version such as "1.0.0", got "${yaml.version}"${near === undefined ? "" : `; did you mean '${near}'?`}`,
    );
  }
  const xcore = yaml.xcore ?? manifestDefaults.xcore;
  checkRange(xcore, ["xcore"], complain);
  for (const [name, range] of Object.entries(yaml.dependencies ?? {})) {
    checkRange(range, ["dependencies", name], complain);
    if (name === yaml.name) complain(["dependencies", name], "a plugin can't depend on itself");
  }
  return {
    name: yaml.name,
    version: yaml.version,
    xcore,
    entry: yaml.entry ?? manifestDefaults.entry,
    description: yaml.description ?? "",
    permissions: permissionsOf(yaml.permissions),
    limits: limitsOf(yaml.limits, ["limits"], complain),
    dependencies: { ...yaml.dependencies },
    config: yaml.config as Manifest["config"],
    migrations: yaml.migrations ?? manifestDefaults.migrations,
  };
}

function checkRange(range: string, path: readonly string[], complain: Complain): void {
  if (semver.validRange(range) === null) {
    complain(path, `expected a range of versions such as "^1.0.0", got "${range}"`);
  }
}

function checkConfigSchema(schema: Manifest["config"], complain: Complain): void {
  if (schema === undefined) return;
  try {
    compileForeignSchema(schema as object);
  } catch (error) {
    complain(["config"], `it is not a JSON Schema: ${messageOf(error).replace(/^schema is invalid: /, "")}`);
  }
}

async function checkPaths(
  folder: string,
  manifest: Manifest,
  yaml: ManifestYaml,
  complain: Complain,
): Promise<void> {
  const inside = async (path: string, key: string): Promise<string | undefined> => {
    const full = resolve(folder, path);
    if (isAbsolute(path) || path.includes("\0") || path.includes("\\") || !isBelow(folder, full)) {
      complain([key], `expected a path inside the plugin's folder, got "${path}"`);
      return undefined;
    }
    const real = await realpath(full).catch(() => undefined);
    if (real !== undefined && !isBelow(await realpath(folder), real)) {
      complain([key], `'${path}' is a link out of the plugin's folder`);
      return undefined;
    }
    return real ?? full;
  };
  await inside(manifest.migrations, "migrations");
  const entry = await inside(manifest.entry, "entry");
  if (entry === undefined) return;
  const info = await stat(entry).catch(() => undefined);
  const at = yaml.entry === undefined ? [] : ["entry"];
  if (info?.isFile() !== true) {
    const what = info === undefined ? "does not exist" : "is not a file";
    complain(
      at,
      `the entry file '${manifest.entry}' ${what}; name the file the plugin begins with: 'entry: ${manifestDefaults.entry}'`,
    );
  } else if (!entryTypes.includes(extname(entry))) {
    complain(at, `expected an entry file that ends in ${entryTypes.join(", ")}, got "${manifest.entry}"`);
  }
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function missing(folder: string, names: readonly string[]): XcoreError {
  const other = names.find((name) => /^plugin\.(yml|json)$/i.test(name) || /^plugin\.yaml$/i.test(name));
  return new XcoreError("MANIFEST_INVALID", `there is no ${manifestFile} in ${folder}`, {
    hint:
      other === undefined
        ? "A plugin is a folder with a plugin.yaml that says at least name and version; xcore plugin new <name> makes one."
        : `Rename ${other} to ${manifestFile}.`,
    details: { folder },
  });
}

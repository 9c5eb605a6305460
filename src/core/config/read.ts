// Reads integration.yaml: found upward, variables put in, checked as a whole, compiled and frozen. Nothing starts on a broken file.
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { parseEnv } from "node:util";
import type { Json } from "../../wire/json.ts";
import { XcoreError, messageOf, systemCode } from "../base/error.ts";
import type { Config } from "./config.ts";
import { compileConfig } from "./compile.ts";
import { faultsError, type Fault } from "./faults.ts";
import { integrationSchema, type IntegrationYaml } from "./schema.ts";
import { compileSchema, valid, validateDocument } from "./validate.ts";
import { findWorkspace, integrationFile } from "../base/workspace.ts";
import { parseYaml } from "./yaml-document.ts";
import { readYamlSource } from "./yaml-source.ts";

export interface ReadConfigOptions {
  /** The project's folder. Absent: the folder of `file`, or the nearest one upward from the current folder. */
  workspace?: string;
  /** Another file in place of `integration.yaml`; relative to the current folder. */
  file?: string;
  /** In place of the process's environment; it wins over `.env`. */
  env?: Readonly<Record<string, string | undefined>>;
}

const largestFile = 256 * 1024;

/** Throws `WORKSPACE_NOT_FOUND`, `CONFIG_MISSING`, or `CONFIG_INVALID` with every fault in `details.errors`. */
export async function readConfig(options: ReadConfigOptions = {}): Promise<Config> {
  const { workspace, file } = await locate(options);
  const source = await readYamlSource(file, {
    code: "CONFIG_INVALID",
    maxBytes: largestFile,
    missing: () =>
      new XcoreError("CONFIG_MISSING", `there is no ${file}`, {
        hint: `Create ${basename(file)} with at least 'name: my-app', or make a project with xcore new <folder>.`,
        details: { file },
      }),
  });
  const env = { ...(await readDotEnv(join(workspace, ".env"))), ...set(options.env ?? process.env) };
  const { document, faults } = parseYaml(source, { values: env, folder: workspace });
  if (document.value === null && faults.length === 0) {
    throw new XcoreError("CONFIG_INVALID", `${source.label} is empty`, {
      hint: "Write at least 'name: my-app'.",
      details: { file, errors: [] },
    });
  }
  // A missing variable leaves a hole; the schema still sees the rest, so that one run names every fault.
  const unreadable = faults.some((fault) => fault.path.length === 0);
  if (!unreadable) {
    dropEmpty(document.value, []);
    const holes = new Set(faults.map((fault) => fault.path.join("\0")));
    const found = validateDocument(compileSchema(integrationSchema), document);
    faults.push(...found.filter((fault) => !holes.has(fault.path.join("\0"))));
  }
  if (faults.length > 0) throw faultsError("CONFIG_INVALID", source, faults);

  const semantic: Fault[] = [];
  const config = compileConfig(valid<IntegrationYaml>(document.value), {
    workspace,
    file,
    environment: env["NODE_ENV"] === "production" ? "production" : "development",
    complain: (path, message) => {
      semantic.push({ path, span: document.span(path, "key"), message });
    },
  });
  if (semantic.length > 0) throw faultsError("CONFIG_INVALID", source, semantic);
  return config;
}

async function locate(options: ReadConfigOptions): Promise<{ workspace: string; file: string }> {
  if (options.file !== undefined) {
    const file = resolve(options.file);
    return { workspace: resolve(options.workspace ?? dirname(file)), file };
  }
  const workspace = options.workspace === undefined ? findWorkspace() : resolve(options.workspace);
  return { workspace, file: join(workspace, integrationFile) };
}

async function readDotEnv(file: string): Promise<Record<string, string | undefined>> {
  try {
    return parseEnv(await readFile(file, "utf8"));
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return {};
    throw new XcoreError("CONFIG_INVALID", `${file} can't be read: ${messageOf(cause)}`, {
      hint: "See that .env is a readable text file, or remove it.",
      details: { file },
      cause,
    });
  }
}

const set = (env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));

// `server:` with every key under it commented out is null in YAML and means "nothing said". Inside a plugin's entry and a
// provider's options null may mean something and stays. `tenants:` without a word is no word for "everybody shares everything".
function dropEmpty(value: Json, path: readonly string[]): void {
  if (typeof value !== "object" || value === null || path.length > 1) return;
  for (const [key, inner] of Object.entries(value)) {
    if (inner !== null) dropEmpty(inner, [...path, key]);
    else if (path[0] === "plugins" || (path.length === 0 && key === "tenants")) Reflect.set(value, key, {});
    else Reflect.deleteProperty(value, key);
  }
}

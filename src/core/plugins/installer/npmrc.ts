// Where npm would fetch a package from, and with which credentials: read from the .npmrc files and variables that npm reads.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { XcoreError, systemCode } from "../../base/error.ts";
import { scopeOf } from "./npm-spec.ts";
import { isLoopback } from "./source.ts";

export interface Npmrc {
  /** Address of the registry of a package, with a slash at its end. Rejects with `SOURCE_INVALID` when it is none. */
  registryOf(packageName: string): Promise<string>;
  /** Value of the `Authorization` header for this address; undefined where none is set up. */
  authorization(url: string): string | undefined;
}

/** The project's file wins over the user's, that one over the system's, and `npm_config_…` variables over all. */
export async function readNpmrc(workspace: string, env: NodeJS.ProcessEnv): Promise<Npmrc> {
  const variables = new Map(
    Object.entries(env).flatMap(([name, value]) =>
      /^npm_config_/i.test(name) && value !== undefined && value !== ""
        ? [
            [
              name
                .slice("npm_config_".length)
                .replace(/^[a-z_]+$/i, (one) => one.toLowerCase().replaceAll("_", "-")),
              value,
            ],
          ]
        : [],
    ),
  );
  const home = env["HOME"] ?? homedir();
  const prefix = variables.get("prefix") ?? dirname(dirname(process.execPath));
  const files = [
    variables.get("globalconfig") ?? join(prefix, "etc", "npmrc"),
    variables.get("userconfig") ?? join(home, ".npmrc"),
    join(workspace, ".npmrc"),
  ];
  const settings = new Map<string, string>();
  for (const file of files) for (const [key, value] of parse(await text(file), env)) settings.set(key, value);
  for (const [key, value] of variables) settings.set(key, value);
  return {
    registryOf: async (name) => {
      const scope = scopeOf(name);
      const scoped = scope === undefined ? undefined : settings.get(`${scope}:registry`);
      return checkedRegistry(scoped ?? settings.get("registry") ?? (await npmsOwn(workspace, env)));
    },
    authorization: (url) => authorizationOf(url, settings),
  };
}

/** Where npm goes when nobody has told it: only npm itself knows. */
async function npmsOwn(workspace: string, env: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("npm", ["config", "get", "registry"], {
      cwd: workspace,
      env,
    });
    return stdout.trim();
  } catch (error) {
    throw new XcoreError("SOURCE_INVALID", "no npm registry is set, and npm could not be asked for its own", {
      hint: "Set registry=https://… in .npmrc, or install npm.",
      cause: error,
    });
  }
}

async function text(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (/^E(NOENT|NOTDIR|ACCES)$/.test(systemCode(error) ?? "")) return "";
    throw error;
  }
}

function parse(content: string, env: NodeJS.ProcessEnv): [string, string][] {
  return content.split(/\r?\n/).flatMap((line): [string, string][] => {
    const found = /^\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line);
    if (found === null) return [];
    const value = (found[2] ?? "").replace(/^(["'])(.*)\1$/, "$2");
    return [[found[1] ?? "", expanded(value, env)]];
  });
}

// As npm does: a variable that is not set stays as it is written, `${NAME?}` becomes nothing.
function expanded(value: string, env: NodeJS.ProcessEnv): string {
  return value.replaceAll(
    /\$\{([^}?]+)(\?)?\}/g,
    (whole: string, name: string, optional: string | undefined) =>
      env[name] ?? (optional === undefined ? whole : ""),
  );
}

function checkedRegistry(written: string): string {
  const url = URL.parse(written.endsWith("/") ? written : `${written}/`);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    (url.protocol === "http:" && !isLoopback(url.hostname))
  ) {
    throw new XcoreError(
      "SOURCE_INVALID",
      `the npm registry '${written.slice(0, 200)}' is not used: it must be https`,
      {
        hint: "Set registry=https://… in .npmrc.",
      },
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new XcoreError(
      "SOURCE_INVALID",
      `the address of the npm registry at ${url.host} holds credentials`,
      {
        hint: `Write them into ~/.npmrc: //${url.host}${url.pathname}:_authToken=…`,
      },
    );
  }
  return url.href;
}

// Credentials belong to a host and a path below which they are sent, never to the registry as such.
function authorizationOf(address: string, settings: ReadonlyMap<string, string>): string | undefined {
  const url = URL.parse(address);
  if (url === null) return undefined;
  const parts = url.pathname.split("/").filter((part) => part !== "");
  for (let length = parts.length; length >= 0; length -= 1) {
    const path = parts
      .slice(0, length)
      .map((part) => `${part}/`)
      .join("");
    const at = (key: string): string | undefined => settings.get(`//${url.host}/${path}:${key}`);
    const token = at("_authToken");
    if (token !== undefined) return `Bearer ${token}`;
    const basic = at("_auth");
    if (basic !== undefined) return `Basic ${basic}`;
    const [user, password] = [at("username"), at("_password")];
    if (user !== undefined && password !== undefined) {
      return `Basic ${Buffer.from(`${user}:${Buffer.from(password, "base64").toString()}`).toString("base64")}`;
    }
  }
  return undefined;
}

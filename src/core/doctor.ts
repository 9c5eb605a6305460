// What `xcore doctor` looks at: each check says what it found and, when something is wrong, what to do. Nothing is changed.
import { execFile } from "node:child_process";
import { access, constants, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { promisify } from "node:util";
import { controlSocketPath } from "./base/control-path.ts";
import { asXcoreError, messageOf, systemCode } from "./base/error.ts";
import { packageFile } from "./base/package-root.ts";
import type { Config } from "./config/config.ts";
import { readConfig } from "./config/read.ts";
import { portHolder } from "./http/port-holder.ts";
import { readCatalog } from "./plugins/catalog.ts";
import { installedPlugins } from "./plugins/installed.ts";
import { findBinaries } from "./services/database/embedded/binaries.ts";
import { inspectData, placesIn } from "./services/database/embedded/data-folder.ts";
import { chooseUser, userName } from "./services/database/embedded/run-as.ts";
import { planServices } from "./services/plan.ts";

export interface Check {
  name: string;
  ok: boolean;
  /** What was found, for people. */
  detail: string;
  /** What to do about it; also where something works and could be better. */
  cure?: string;
}

type Finding = Omit<Check, "name">;

/** Never throws: whatever a check throws is its finding. `workspace` as for `readConfig`. */
export async function examine(options: { workspace?: string } = {}): Promise<Check[]> {
  let config: Config | undefined;
  const checks = [
    await check("Node", () => Promise.resolve(nodeVersion())),
    await check("isolated-vm", isolatedVm),
    await check("integration.yaml", async () => {
      config = await readConfig(options);
      return { ok: true, detail: config.file };
    }),
  ];
  if (config === undefined) return checks;
  const found = config;
  return [
    ...checks,
    await check("services", () => services(found)),
    await check("plugins", () => plugins(found)),
    await check("port", () => port(found)),
    await check("data folder", () => dataFolder(found)),
    ...(found.services["database"]?.driver === "embedded"
      ? [await check("embedded Postgres", () => embeddedPostgres(found))]
      : []),
  ];
}

async function check(name: string, find: () => Promise<Finding>): Promise<Check> {
  try {
    return { name, ...(await find()) };
  } catch (thrown) {
    const error = asXcoreError(thrown);
    return {
      name,
      ok: false,
      detail: error.message,
      ...(error.hint === undefined ? {} : { cure: error.hint }),
    };
  }
}

function nodeVersion(): Finding {
  const major = Number.parseInt(process.versions.node, 10);
  if (major < 24) {
    return { ok: false, detail: process.version, cure: "Install Node 26: npm install --save-dev node@26" };
  }
  if (major < 26) {
    return {
      ok: true,
      detail: `${process.version}; sandbox processes are not locked out of the network`,
      cure: "Node 26 closes that too: npm install --save-dev node@26",
    };
  }
  return { ok: true, detail: process.version };
}

/** In a process of its own: a build for another Node may end the process that loads it. */
async function isolatedVm(): Promise<Finding> {
  const cure =
    "Install it again: npm rebuild isolated-vm, or npm install; npm 12 wants it under allowScripts in package.json.";
  try {
    const path = createRequire(packageFile("package.json")).resolve("isolated-vm");
    const script =
      "const { Isolate } = require(process.argv[1]); const i = new Isolate(); const c = i.createContextSync();" +
      "process.stdout.write(String(c.evalSync('6 * 7')))";
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--no-node-snapshot", "-e", script, path],
      {
        timeout: 20_000,
      },
    );
    return stdout === "42"
      ? { ok: true, detail: "an isolate runs" }
      : { ok: false, detail: `it answered ${stdout}`, cure };
  } catch (error) {
    const [first = ""] = messageOf(error)
      .split("\n")
      .filter((line) => /error/i.test(line))
      .slice(-1);
    return { ok: false, detail: `it does not load: ${first}`, cure };
  }
}

/** Drivers and options, as a start would check them; nothing is opened. */
async function services(config: Config): Promise<Finding> {
  const plans = await planServices(config);
  return { ok: true, detail: plans.map(({ name, provider }) => `${name}: ${provider.driver}`).join(", ") };
}

async function plugins(config: Config): Promise<Finding> {
  const entries = await readCatalog(config, await installedPlugins(config));
  const broken = entries.filter((entry) => entry.error !== undefined);
  if (broken.length === 0)
    return { ok: true, detail: entries.map((entry) => entry.name).join(", ") || "none yet" };
  return {
    ok: false,
    detail: broken.map((entry) => `${entry.name}: ${entry.error?.message}`).join("\n"),
    cure: broken[0]?.error?.hint ?? "Correct its plugin.yaml.",
  };
}

async function port({ server, stateFolder }: Config): Promise<Finding> {
  const where = `${server.host}:${server.port}`;
  const error = await listenOnce(server.host, server.port);
  if (error === undefined) return { ok: true, detail: `${where} is free` };
  if (systemCode(error) !== "EADDRINUSE") {
    return {
      ok: false,
      detail: `can't listen on ${where}: ${messageOf(error)}`,
      cure: "Choose another server.host or server.port.",
    };
  }
  if (await answers(controlSocketPath(stateFolder)))
    return { ok: true, detail: `${where}, where this project's server runs` };
  const holder = await portHolder(server.port);
  const detail = `${where} is taken${holder === undefined ? "" : ` by ${holder}`}`;
  if (!server.portExplicit)
    return { ok: true, detail: `${detail}; the server will move to the next free one` };
  return { ok: false, detail, cure: "Stop that process, or choose another server.port in integration.yaml." };
}

function listenOnce(host: string, port: number): Promise<Error | undefined> {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>();
  const server = createServer();
  server.once("error", resolve);
  server.listen(port, host, () => server.close(() => resolve(undefined)));
  return promise;
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path, () => resolve(true));
  socket.once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}

async function dataFolder({ stateFolder, workspace }: Config): Promise<Finding> {
  const info = await stat(stateFolder).catch(() => undefined);
  const folder = info === undefined ? workspace : stateFolder;
  const uid = process.getuid?.();
  if (uid !== undefined && uid !== 0 && info !== undefined && info.uid !== uid) {
    return {
      ok: false,
      detail: `${stateFolder} belongs to ${await userName(info.uid)}, and this is ${await userName(uid)}`,
      cure: `Start as that user, or hand it over while no server runs: sudo chown -R ${uid} ${stateFolder}`,
    };
  }
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return { ok: false, detail: `${folder} can't be written to`, cure: `Make it writable for this user.` };
  }
  return { ok: true, detail: info === undefined ? `${stateFolder} (made at the first start)` : stateFolder };
}

async function embeddedPostgres({ stateFolder, workspace }: Config): Promise<Finding> {
  const places = placesIn(stateFolder, "database");
  const user = await chooseUser(places.data, workspace);
  const binaries = await findBinaries(user);
  const { stdout } = await promisify(execFile)(`${binaries.folder}/bin/postgres`, ["--version"], {
    timeout: 10_000,
  });
  const data = await inspectData(places, binaries.major);
  return { ok: true, detail: `${stdout.trim()}; ${data ? `data in ${places.data}` : "no data yet"}` };
}

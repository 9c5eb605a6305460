import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { readConfig } from "../../../src/core/config/read.ts";
import { errorOf, faultsOf, makeProject } from "./project.ts";

async function read(yaml: string, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  await using project = await makeProject({ ...files, "integration.yaml": yaml });
  return await readConfig({ workspace: project.folder, env });
}

async function faults(yaml: string, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const error = await errorOf(read(yaml, env, files));
  assert.equal(error.code, "CONFIG_INVALID");
  assert.ok(error.hint);
  return { error, list: faultsOf(error) };
}

test("a name is all a project needs; everything else has a default", async () => {
  await using project = await makeProject({ "integration.yaml": "name: my-app\n" });
  const config = await readConfig({ workspace: project.folder, env: {} });
  assert.deepEqual(config.server, {
    host: "127.0.0.1",
    port: 8082,
    portExplicit: false,
    maxBodyBytes: 1024 ** 2,
    requestTimeoutMs: 30_000,
    headersTimeoutMs: 10_000,
    maxConnections: 10_000,
    drainMs: 10_000,
  });
  assert.deepEqual(Object.keys(config.services), ["database", "cache", "jobs", "events"]);
  assert.equal(config.services["database"]?.driver, "embedded");
  assert.deepEqual(config.policy.defaults, {
    memoryBytes: 64 * 1024 ** 2,
    cpuMs: 200,
    timeoutMs: 5000,
    streamIdleMs: 120_000,
    streamTimeMs: 3_600_000,
    streamBytes: 1024 ** 3,
    rate: undefined,
  });
  assert.equal(config.policy.ceilings.memoryBytes, 256 * 1024 ** 2);
  assert.equal(config.environment, "development");
  assert.equal(config.migrations.folder, join(project.folder, "migrations"));
  assert.equal(config.stateFolder, join(project.folder, ".xcore"));
  assert.equal(config.file, join(project.folder, "integration.yaml"));
});

test("events go between servers where their database does, unless the file says otherwise", async () => {
  const driverOf = async (services: string): Promise<string | undefined> => {
    await using project = await makeProject({ "integration.yaml": `name: my-app\nservices: ${services}\n` });
    return (await readConfig({ workspace: project.folder, env: {} })).services["events"]?.driver;
  };
  const postgres = 'database: { driver: postgres, url: "postgres://db/shop" }';
  assert.equal(await driverOf("{ database: { driver: embedded } }"), "memory");
  assert.equal(await driverOf(`{ ${postgres} }`), "postgres");
  assert.equal(await driverOf(`{ ${postgres}, events: { maxQueue: 5 } }`), "postgres");
  assert.equal(await driverOf(`{ ${postgres}, events: { driver: memory } }`), "memory");
});

test("the whole shape of the file is understood", async () => {
  await using project = await makeProject({
    "integration.yaml": `name: my-app
server: { host: 0.0.0.0, port: 9000, maxBody: 2mb, requestTimeout: 1m, headersTimeout: 5s, maxConnections: 10, drain: 1s }
log: { level: debug, format: json }
admin: { enabled: false, token: \${ADMIN_TOKEN}, allowedHosts: [admin.example.com] }
services:
  database: { driver: postgres, url: "\${DATABASE_URL}" }
  mail: { module: ./services/mail.ts, from: me@example.com }
migrations: { mode: check, folder: db, entities: [app/entities.ts] }
policy: { defaults: { memory: 32mb, rate: 100/1s }, ceilings: { memory: 128mb } }
plugins:
  notes:
    enabled: false
    config: { title: Notes, nothing: null }
    allow: { database: true, fetch: [API.example.com] }
    limits: { memory: 512mb }
    isolation: own
    isolates: 4
    secrets: { NOTES_TOKEN: \${NOTES_TOKEN} }
`,
  });
  const config = await readConfig({
    workspace: project.folder,
    env: {
      ADMIN_TOKEN: "0123456789abcdef",
      DATABASE_URL: "postgres://u:p@h/d",
      NOTES_TOKEN: "12345",
      NODE_ENV: "production",
    },
  });
  assert.equal(config.environment, "production");
  assert.equal(config.server.port, 9000);
  assert.equal(config.server.portExplicit, true);
  assert.equal(config.admin.token, "0123456789abcdef");
  assert.deepEqual(config.services["database"], {
    driver: "postgres",
    module: undefined,
    options: { url: "postgres://u:p@h/d" },
  });
  assert.deepEqual(config.services["mail"], {
    driver: "module",
    module: join(project.folder, "services/mail.ts"),
    options: { from: "me@example.com" },
  });
  assert.deepEqual(config.migrations.entities, [join(project.folder, "app/entities.ts")]);
  assert.deepEqual(config.policy.defaults.rate, { count: 100, perMs: 1000 });
  const notes = config.plugins["notes"];
  assert.deepEqual(notes?.config, { title: "Notes", nothing: null });
  assert.equal(notes?.isolates, 4);
  assert.deepEqual(notes?.allow?.fetch, ["api.example.com"]);
  assert.deepEqual(notes?.secrets, { NOTES_TOKEN: "12345" });
  assert.deepEqual(notes?.limits, { memoryBytes: 512 * 1024 ** 2 });
});

test("the result is frozen all the way down", async () => {
  const config = await read("name: my-app\nplugins: { notes: { config: { a: [1] } } }");
  assert.ok(Object.isFrozen(config.server));
  assert.ok(Object.isFrozen(config.plugins["notes"]?.config["a"]));
});

test("sections that are empty say nothing", async () => {
  const config = await read("name: my-app\nserver:\nservices:\n  database:\nplugins:\n  notes:\n");
  assert.equal(config.server.port, 8082);
  assert.equal(config.services["database"]?.driver, "embedded");
  assert.equal(config.plugins["notes"]?.enabled, true);
});

test("variables come from the environment, then from .env, then from the default", async () => {
  const yaml = "name: ${A}\nserver: { host: ${B}, port: ${C:-8123} }\nadmin: { token: ${D:-} }";
  const config = await read(yaml, { A: "from-env" }, { ".env": "A=from-file\nB=10.0.0.1\nD=\n" });
  assert.equal(config.name, "from-env");
  assert.equal(config.server.host, "10.0.0.1");
  assert.equal(config.server.port, 8123);
  assert.equal(config.admin.token, undefined);
});

test("a value is taken as it is: references inside it mean nothing", async () => {
  const config = await read('name: my-app\nplugins: { p: { secrets: { S: "a${X}b$${X}" } } }', { X: "${Y}" });
  assert.equal(config.plugins["p"]?.secrets["S"], "a${Y}b${X}");
});

test("a file's text can be a value", async () => {
  const yaml = "name: my-app\nplugins: { p: { secrets: { S: ${file:secrets/s.txt} } } }";
  const config = await read(yaml, {}, { "secrets/s.txt": "from a file\n" });
  assert.equal(config.plugins["p"]?.secrets["S"], "from a file");
});

test("a file that is named but missing is a fault at its place", async () => {
  const { list } = await faults("name: my-app\nlog:\n  level: ${file:nope.txt}");
  assert.deepEqual([list[0]?.line, list[0]?.column, list[0]?.path], [3, 10, "log.level"]);
  assert.match(list[0]?.message ?? "", /'nope.txt' does not exist/);
});

test("every missing variable is named at its line, in one error with the other faults", async () => {
  const { error, list } = await faults("name: my-app\nserver:\n  port: ${APP_PROT}\n  host: x\n  hots: y\n", {
    APP_PORT: "1",
  });
  assert.equal(list.length, 2);
  assert.match(list[0]?.message ?? "", /APP_PROT is not set; did you mean 'APP_PORT'\?/);
  assert.match(list[0]?.hint ?? "", /\.env/);
  assert.equal(list[0]?.line, 3);
  assert.match(list[1]?.message ?? "", /unknown key 'hots'; did you mean 'host'\?/);
  assert.match(error.message, / {3}3 \| {3}port: \$\{APP_PROT\}\n {5}\| {9}\^{11}/);
});

for (const [yaml, path, message] of [
  ["name: my-app\nservr: {}", "servr", /unknown key 'servr'; did you mean 'server'\?/],
  [
    "name: my-app\nserver: { maxBody: 64 megs }",
    "server.maxBody",
    /size such as "64mb".*"64 megs"; did you mean '64mb'/,
  ],
  ["name: my-app\nserver: { drain: 5 seconds }", "server.drain", /duration such as.*did you mean '5s'/],
  ["name: my-app\nserver: { drain: 5 }", "server.drain", /duration such as "200ms" or "5s".*the number 5/],
  [
    "name: my-app\npolicy: { defaults: { rate: 100 per minute } }",
    "policy.defaults.rate",
    /did you mean '100\/1m'/,
  ],
  ["name: my-app\nlog: { level: wran }", "log.level", /one of debug, info.*did you mean 'warn'/],
  ["name: my-app\nserver: { port: 70000 }", "server.port", /a port from 0 to 65535, got the number 70000/],
  ["name: my-app\nserver: [1]", "server", /expected a map of keys and values, got a list/],
  ["name: My App", "name", /a name such as "my-notes"/],
  ["server: {}", "name", /missing key 'name'; for example 'name: my-notes'/],
  ["name: my-app\nplugins: { Notes: {} }", "plugins.Notes", /a plugin name such as/],
  ["name: my-app\nplugins: { con: {} }", "plugins.con", /reserved/],
  ["name: my-app\nplugins: { __proto__: {} }", "plugins.__proto__", /reserved/],
  [
    "name: my-app\nplugins: { p: { allow: { fetch: ['http://x'] } } }",
    "plugins.p.allow.fetch[0]",
    /a host such as/,
  ],
  [
    "name: my-app\nplugins: { p: { allow: { call: [mailer] } } }",
    "plugins.p.allow.call[0]",
    /an action such as/,
  ],
  ["name: my-app\nplugins: { p: { limits: { memory: 1kb } } }", "plugins.p.limits.memory", /at least "8mb"/],
  ["name: my-app\nserver: { requestTimeout: 40d }", "server.requestTimeout", /1ms to 24d/],
  ["name: my-app\nserver: { drain: 0s }", "server.drain", /1ms to 24d/],
  ["name: my-app\npolicy: { defaults: { memory: 1gb } }", "policy.defaults.memory", /above the ceiling/],
  ["name: my-app\nservices: { mail: {} }", "services.mail", /needs 'module'.*services\/mail\.ts/],
  ["name: my-app\nservices: { mail: { driver: module } }", "services.mail.driver", /needs the key 'module'/],
  ["name: my-app\nname: again", "", /unique/],
  ["name: [", "", /./],
  ["- a", "", /expected a map of keys and values, got a list/],
  ["name: !secret x", "", /tag/],
  ["name: a\n---\nname: b", "", /document/],
  ["name: *nope", "name", /no anchor '&nope'/],
  ["? [a]\n: b", "", /plain name/],
] as const) {
  test(`a fault of '${yaml.replaceAll("\n", " ⏎ ")}' is named with line and path`, async () => {
    const { list } = await faults(yaml);
    const fault = list.find((one) => one.path === path);
    assert.ok(fault, JSON.stringify(list));
    assert.match(fault.message, message);
    assert.ok(fault.line >= 1 && fault.column >= 1);
  });
}

test("an unclosed reference and one that is no name are faults", async () => {
  const { list } = await faults('name: my-app\nlog: { level: "${", format: "${a b}" }');
  assert.match(list[0]?.message ?? "", /no closing/);
  assert.match(list[1]?.message ?? "", /no reference/);
});

test("text from a variable becomes the number or boolean the schema wants, or an error that does not show it", async () => {
  const config = await read("name: my-app\nserver: { port: ${P} }\nadmin: { enabled: ${E} }", {
    P: "81",
    E: "false",
  });
  assert.equal(config.server.port, 81);
  assert.equal(config.admin.enabled, false);
  const { error } = await faults("name: my-app\nserver: { port: ${P} }", { P: "hunter2" });
  assert.match(error.message, /a port from 0 to 65535, got a value that is not shown/);
  assert.doesNotMatch(JSON.stringify([error.message, error.details, error.hint]), /hunter2/);
});

test("no secret stands in a message, written in the file or in a variable", async () => {
  const yaml = `name: my-app
admin: { token: lit-token }
services: { database: { url: "postgres://me:lit-password@host/db", x: \${NOPE} } }
plugins: { p: { secrets: { S: 123454321, T: "lit secret", U: \${NOPE} } } }
`;
  const { error } = await faults(yaml, { V: "hunter2" });
  const all = JSON.stringify([error.message, error.hint, error.details]);
  for (const secret of ["lit-token", "lit-password", "123454321", "lit secret", "hunter2"]) {
    assert.ok(!all.includes(secret), `${secret} in ${all}`);
  }
  for (const broken of ["name: a\nadmin: { token: 'lit-token }", "name: a\nadmin:\n  token: lit-token: b"]) {
    const syntax = await faults(broken);
    assert.ok(!syntax.error.message.includes("lit-token"), syntax.error.message);
  }
});

test("a frame shows the fault's line with carets under it, also far to the right and behind tabs", async () => {
  const { error } = await faults(`name: my-app\nlog: { format: json, ${" ".repeat(200)}levle: info }`);
  const [, marked = "", carets = ""] = /\| (.*)\n {5}\| (.*)/.exec(error.message) ?? [];
  assert.equal(marked.slice(carets.indexOf("^"), carets.lastIndexOf("^") + 1), "levle");
});

test("a file that is too large, not text, or a folder is refused", async () => {
  await using project = await makeProject();
  const file = await project.write("integration.yaml", `name: a\n# ${"x".repeat(300_000)}`);
  assert.match((await errorOf(readConfig({ file, env: {} }))).message, /larger than 256 KB/);
  await project.write("integration.yaml", new Uint8Array([0xff, 0xfe, 0x00]));
  assert.match((await errorOf(readConfig({ file, env: {} }))).message, /not UTF-8/);
  assert.match((await errorOf(readConfig({ file: project.folder, env: {} }))).message, /not a file/);
});

test("an empty file says what the least is", async () => {
  const error = await errorOf(read("# nothing yet\n"));
  assert.equal(error.code, "CONFIG_INVALID");
  assert.match(error.hint ?? "", /name: my-app/);
});

test("a file that is not there is named", async () => {
  await using project = await makeProject();
  const error = await errorOf(readConfig({ workspace: project.folder, env: {} }));
  assert.equal(error.code, "CONFIG_MISSING");
  assert.ok(error.message.includes(project.folder));
});

test("nested aliases can't multiply the file, and depth has an end", async () => {
  const levels = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
  for (const [name, before] of [
    ["b", "a"],
    ["c", "b"],
    ["d", "c"],
    ["e", "d"],
    ["f", "e"],
  ]) {
    levels.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(", ")}]`);
  }
  assert.match((await faults(levels.join("\n"))).list[0]?.message ?? "", /more than 20000 values/);
  assert.match((await faults("a: &a\n  b: *a")).list[0]?.message ?? "", /deeper than 32/);
  assert.match((await faults(`name: ${"[".repeat(100_000)}`)).list[0]?.message ?? "", /./);
});

test("an alias in a sound file stands for its anchor", async () => {
  const config = await read(
    "name: my-app\nplugins:\n  a: &limits { limits: { memory: 32mb } }\n  b: *limits",
  );
  assert.equal(config.plugins["b"]?.limits.memoryBytes, 32 * 1024 ** 2);
});

test("several isolates go with neither trust, nor a shared process, nor an isolate for each tenant", async () => {
  const isolatesFault = async (plugin: string, more = ""): Promise<string | undefined> => {
    const { list } = await faults(`name: my-app\nplugins: { notes: { ${plugin} } }\n${more}`);
    return list.find(({ path }) => path === "plugins.notes.isolates")?.message;
  };
  assert.match((await isolatesFault("isolates: 17")) ?? "", /a whole number from 1 to 16/);
  const digest = `sha256-${"0".repeat(64)}`;
  assert.match((await isolatesFault(`isolates: 2, trust: { digest: ${digest} }`)) ?? "", /trusted/);
  assert.match((await isolatesFault("isolates: 2, isolation: shared")) ?? "", /isolation 'shared' rules out/);
  const tenants = "tenants: { from: { subdomain: example.com }, isolation: isolate }";
  assert.match((await isolatesFault("isolates: 2", tenants)) ?? "", /each tenant/);
  const config = await read(
    "name: my-app\nplugins: { a: { isolates: 1, isolation: shared }, b: { isolates: 2 }, c: {} }",
  );
  assert.deepEqual(
    Object.values(config.plugins).map(({ isolates }) => isolates),
    [1, 2, 1],
  );
});

// Installing as a whole: all of it or nothing, whatever goes wrong and whenever it is killed.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { packageFile } from "../../../../src/core/base/package-root.ts";
import { readConfig } from "../../../../src/core/config/read.ts";
import { addPlugin, type AddOptions } from "../../../../src/core/plugins/installer/add.ts";
import { syncPlugins } from "../../../../src/core/plugins/installer/sync.ts";
import { verifyInstalled } from "../../../../src/core/plugins/installer/verify.ts";
import { readLock, storeFolder } from "../../../../src/core/plugins/lock.ts";
import { ensureBuilt } from "../../sandbox/built.ts";
import { makeProject, makeRepository, pluginFiles, write, type Project } from "./workspace.ts";

const permitted = "permissions: { database: true, fetch: [api.example.com] }\n";

function add(project: Project, source: string, options: Partial<AddOptions> = {}) {
  return addPlugin({
    config: project.config,
    cwd: project.folder,
    source,
    consent: async () => true,
    ...options,
  });
}

before(ensureBuilt);

describe("plugin add", () => {
  test("installs from a repository, an archive and a folder, each tried in a real sandbox", async () => {
    await using project = await makeProject();
    const repository = makeRepository(project.place("notes"), pluginFiles("notes", permitted));
    write(project.place("plain"), { ...pluginFiles("plain"), "node_modules/x/index.js": "left behind" });
    const asked: string[] = [];
    const { entry, mounted } = await add(project, repository, {
      consent: async ({ name, allow, origin }) => {
        asked.push(name, allow);
        assert.match(origin, /^\.\.\/notes at [0-9a-f]{40}$/);
        return true;
      },
    });
    assert.deepEqual(asked, ["notes", "fetch=api.example.com,database"]);
    assert.equal(mounted, false);
    assert.equal(entry.source.type, "git");
    await add(project, "../plain");
    const lock = await readLock(project.folder);
    assert.deepEqual(Object.keys(lock.plugins), ["notes", "plain"]);
    for (const [name, one] of Object.entries(lock.plugins)) {
      await verifyInstalled(one, storeFolder(project.config.stateFolder, name, one));
    }
    assert.ok(
      !project.snapshot().some((path) => path.includes("node_modules") || path.startsWith("staging")),
    );
  });

  const failures: [
    string,
    string,
    (project: Project) => string | Promise<string>,
    RegExp,
    Partial<AddOptions>?,
  ][] = [
    [
      "without plugin.yaml",
      "MANIFEST_INVALID",
      (p) => makeRepository(p.place("x"), { a: "a" }),
      /there is no plugin\.yaml in \.\.\/x/,
    ],
    [
      "with a broken plugin.yaml",
      "MANIFEST_INVALID",
      (p) => makeRepository(p.place("x"), { "plugin.yaml": "name: [" }),
      /^\.\.\/x\/plugin\.yaml is not valid[^]*\n\.\.\/x\/plugin\.yaml:1:\d/,
    ],
    [
      "with a name that is a path",
      "MANIFEST_INVALID",
      (p) => makeRepository(p.place("x"), pluginFiles("../x")),
      /name/,
    ],
    [
      "with a reserved name",
      "MANIFEST_INVALID",
      (p) => makeRepository(p.place("x"), pluginFiles("con")),
      /reserved/,
    ],
    [
      "with an entry out of its folder",
      "MANIFEST_INVALID",
      (p) => makeRepository(p.place("x"), pluginFiles("x", "entry: ../../evil.ts\n")),
      /inside the plugin's folder/,
    ],
    [
      "with YAML that multiplies itself",
      "MANIFEST_INVALID",
      (p) => makeRepository(p.place("x"), { "plugin.yaml": bomb() }),
      /plugin\.yaml/,
    ],
    [
      "with a manifest of megabytes",
      "MANIFEST_INVALID",
      (p) => makeRepository(p.place("x"), { "plugin.yaml": `name: x\n#${"x".repeat(2e6)}` }),
      /larger than/,
    ],
    [
      "written for another xcore",
      "PLUGIN_INCOMPATIBLE",
      (p) => makeRepository(p.place("x"), pluginFiles("x", "xcore: ^99.0.0\n")),
      /asks for xcore \^99/,
    ],
    [
      "that needs a plugin that is not there",
      "PLUGIN_DEPENDENCY",
      (p) => makeRepository(p.place("x"), pluginFiles("x", "dependencies: { mailer: ^1.0.0 }\n")),
      /needs 'mailer'/,
    ],
    [
      "that needs a secret nobody set",
      "PLUGIN_CONFIG",
      (p) => makeRepository(p.place("x"), pluginFiles("x", "permissions: { secrets: [TOKEN] }\n")),
      /needs the secret TOKEN/,
    ],
    [
      "that asks for more memory than the ceiling",
      "PERMISSION_NOT_APPROVED",
      (p) => makeRepository(p.place("x"), pluginFiles("x", "limits: { memory: 900gb }\n")),
      /memory/,
    ],
    [
      "that does not compile",
      "PLUGIN_COMPILE",
      (p) => makeRepository(p.place("x"), { ...pluginFiles("x"), "src/index.ts": "export default {" }),
      /./,
    ],
    [
      "that imports node:fs",
      "PLUGIN_IMPORT",
      (p) => makeRepository(p.place("x"), { ...pluginFiles("x"), "src/index.ts": 'import "node:fs";' }),
      /node:fs/,
    ],
    [
      "that imports what lies outside",
      "PLUGIN_COMPILE",
      (p) =>
        makeRepository(p.place("x"), {
          ...pluginFiles("x"),
          "src/index.ts": 'import "../../../integration.yaml";',
        }),
      /outside/,
    ],
    [
      "that throws at once",
      "PLUGIN_START",
      (p) => makeRepository(p.place("x"), { ...pluginFiles("x"), "src/index.ts": 'throw new Error("boo");' }),
      /boo/,
    ],
    [
      "that was refused",
      "CONSENT_REFUSED",
      (p) => makeRepository(p.place("x"), pluginFiles("x", permitted)),
      /consent was refused/,
      { consent: async () => false },
    ],
    [
      "through a link in a folder",
      "SOURCE_INVALID",
      (p) => {
        symlinkSync("/etc/passwd", join(write(p.place("x"), pluginFiles("x")), "leak"));
        return "../x";
      },
      /'leak' is no regular file/,
    ],
    [
      "when the trial fails",
      "PLUGIN_ERROR",
      (p) => makeRepository(p.place("x"), pluginFiles("x")),
      /trial/,
      {
        trial: async () => {
          throw Object.assign(new Error("trial"), { code: "PLUGIN_ERROR" });
        },
      },
    ],
  ];
  for (const [what, code, make, pattern, options] of failures) {
    test(`of a plugin ${what} changes nothing`, async () => {
      await using project = await makeProject();
      write(project.place("other"), pluginFiles("other"));
      await add(project, "../other", { trial: async () => undefined });
      const before = project.snapshot();
      await assert.rejects(
        add(project, await make(project), options),
        (error: { code: string; message: string }) => {
          assert.match(error.message, pattern);
          assert.equal(error.code, code);
          return true;
        },
      );
      assert.deepEqual(project.snapshot(), before);
    });
  }

  test("nothing of a source runs before consent, and permissions are asked for before packages are fetched", async () => {
    await using project = await makeProject();
    write(project.place("x"), {
      ...pluginFiles("x", permitted),
      "package.json": '{"dependencies":{"nowhere-at-all":"1"}}',
    });
    const steps: string[] = [];
    await assert.rejects(
      add(project, "../x", {
        consent: async () => false,
        onProgress: (step) => steps.push(step),
        trial: async () => void steps.push("trial"),
      }),
      { code: "CONSENT_REFUSED" },
    );
    assert.deepEqual(steps, []);
  });

  test("a package that only the project has is not borrowed: it would not be pinned", async () => {
    await using project = await makeProject();
    write(project.folder, {
      "node_modules/borrowed/package.json": "{}",
      "node_modules/borrowed/index.js": "export default 1;",
    });
    const files = {
      ...pluginFiles("x"),
      "src/index.ts": 'import one from "borrowed"; export default { routes: { "GET /": () => one } };',
    };
    write(project.place("x"), files);
    await assert.rejects(add(project, "../x"), {
      code: "PLUGIN_COMPILE",
      message: /borrowed/,
      hint: /list the package under dependencies/,
    });
    makeRepository(project.place("y"), {
      ...files,
      "package.json": '{"dependencies":{"borrowed":"1"}}',
      "node_modules/borrowed/package.json": '{"main":"index.js"}',
      "node_modules/borrowed/index.js": "export default 2;",
      "src/index.ts":
        'import { definePlugin } from "xcore/plugin"; import one from "borrowed"; export default definePlugin({ routes: { "GET /": () => String(one) } });',
    });
    assert.equal((await add(project, "../y")).name, "x");
  });

  test("a second plugin of the same name is refused, with what to do", async () => {
    await using project = await makeProject();
    write(join(project.folder, "plugins/own"), pluginFiles("own"));
    write(project.place("one"), pluginFiles("notes"));
    write(project.place("two"), pluginFiles("notes", "", "2.0.0"));
    write(project.place("three"), pluginFiles("own"));
    await add(project, "../one");
    await assert.rejects(add(project, "../two"), {
      code: "PLUGIN_EXISTS",
      message: "plugin 'notes' 1.0.0 is installed already",
      hint: /xcore plugin rm notes --data keep/,
    });
    await assert.rejects(add(project, "../three"), {
      code: "PLUGIN_EXISTS",
      message: /of its own in .*plugins\/own/,
    });
  });

  test("two at once both succeed, one after the other; two of one name do not", async () => {
    await using project = await makeProject();
    for (const name of ["a", "b"]) write(project.place(name), pluginFiles(name));
    write(project.place("a2"), pluginFiles("a", "", "2.0.0"));
    const results = await Promise.allSettled(["../a", "../b", "../a2"].map((source) => add(project, source)));
    assert.equal(results.filter((result) => result.status === "fulfilled").length, 2);
    assert.deepEqual(Object.keys((await readLock(project.folder)).plugins), ["a", "b"]);
  });

  test("nobody waits while somebody is asked, and what they did meanwhile is looked at after the answer", async () => {
    await using project = await makeProject();
    write(project.place("first"), pluginFiles("first", permitted));
    write(project.place("second"), pluginFiles("second"));
    write(project.place("same"), pluginFiles("first", "", "2.0.0"));
    const adding = add(project, "../first", {
      consent: async () => {
        await add(project, "../second");
        await add(project, "../same");
        return true;
      },
    });
    await assert.rejects(adding, { code: "PLUGIN_EXISTS", message: /'first' 2\.0\.0 is installed already/ });
    assert.deepEqual(Object.keys((await readLock(project.folder)).plugins), ["first", "second"]);
    assert.equal(existsSync(join(project.config.stateFolder, "staging")), false);
  });

  test("goes back when the running server can't load it, and leaves no data behind", async () => {
    await using project = await makeProject();
    write(project.place("x"), pluginFiles("x", permitted));
    const before = project.snapshot();
    const told: string[][] = [];
    const dropped: string[] = [];
    let schema = false;
    await assert.rejects(
      add(project, "../x", {
        notify: async () => {
          const names = Object.keys((await readLock(project.folder)).plugins);
          told.push(names);
          schema ||= names.includes("x");
          return { failed: names.map((name) => ({ name, code: "PLUGIN_START", message: "no start today" })) };
        },
        openData: async () => ({
          has: async () => schema,
          drop: async (name) => void dropped.push(name),
          [Symbol.asyncDispose]: async () => undefined,
        }),
      }),
      { code: "PLUGIN_START", message: /not installed.*no start today/, hint: /as it was/ },
    );
    assert.deepEqual(told, [["x"], []]);
    assert.deepEqual(dropped, ["x"]);
    assert.deepEqual(project.snapshot(), before);
  });

  test("keeps data that was there before when it goes back", async () => {
    await using project = await makeProject();
    write(project.place("x"), pluginFiles("x", permitted));
    const dropped: string[] = [];
    await assert.rejects(
      add(project, "../x", {
        notify: async () => {
          throw new Error("the server is gone");
        },
        openData: async () => ({
          has: async () => true,
          drop: async (name) => void dropped.push(name),
          [Symbol.asyncDispose]: async () => undefined,
        }),
      }),
      { message: /the server is gone/ },
    );
    assert.deepEqual(dropped, []);
    assert.deepEqual((await readLock(project.folder)).plugins, {});
  });

  test("a change between consent and installation is found", async () => {
    await using project = await makeProject();
    write(project.place("x"), pluginFiles("x"));
    await assert.rejects(
      add(project, "../x", {
        trial: async ({ folder }) =>
          writeFileSync(join(folder, "plugin.yaml"), `name: x\nversion: 1.0.0\n${permitted}`),
      }),
      { code: "LOCK_MISMATCH", message: /changed while it was installed: changed plugin\.yaml/ },
    );
    assert.deepEqual((await readLock(project.folder)).plugins, {});
  });

  test("is stopped by its signal with nothing changed", async () => {
    await using project = await makeProject();
    write(project.place("x"), pluginFiles("x"));
    const stop = new AbortController();
    const before = project.snapshot();
    await assert.rejects(
      add(project, "../x", {
        signal: stop.signal,
        consent: async () => {
          stop.abort(new Error("stopped"));
          return true;
        },
      }),
      { message: "stopped" },
    );
    assert.deepEqual(project.snapshot(), before);
  });

  test("a broken xcore.lock stops everything and is left as it is", async () => {
    await using project = await makeProject();
    write(project.place("x"), pluginFiles("x"));
    writeFileSync(join(project.folder, "xcore.lock"), "version: 9\n");
    await assert.rejects(add(project, "../x"), { code: "LOCK_INVALID" });
    assert.equal(readFileSync(join(project.folder, "xcore.lock"), "utf8"), "version: 9\n");
  });
});

describe("plugin add, killed with -9", () => {
  const script = (project: Project, stopAt: string): string => `
    const { addPlugin } = await import(${JSON.stringify(packageFile("src/core/plugins/installer/add.ts"))});
    const { readConfig } = await import(${JSON.stringify(packageFile("src/core/config/read.ts"))});
    const config = await readConfig({ workspace: ${JSON.stringify(project.folder)}, env: {} });
    const stop = async (at) => {
      process.stdout.write(at + "\\n");
      if (at === ${JSON.stringify(stopAt)}) await new Promise((resolve) => setTimeout(resolve, 60_000));
    };
    await addPlugin({
      config, source: ${JSON.stringify(project.place("notes"))},
      consent: async () => { await stop("consent"); return true; },
      trial: () => stop("trial"),
      notify: async () => { await stop("notify"); return undefined; },
    });
    process.stdout.write("done\\n");`;

  async function killedAt(project: Project, stopAt: string, delayMs?: number): Promise<void> {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script(project, stopAt)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes(`${stopAt}\n`)) child.kill("SIGKILL");
    });
    if (delayMs !== undefined) setTimeout(() => child.kill("SIGKILL"), delayMs).unref();
    await once(child, "close");
  }

  async function oldOrNew(project: Project): Promise<"old" | "new"> {
    const { plugins } = await readLock(project.folder);
    const entry = plugins["notes"];
    if (entry === undefined) return "old";
    await verifyInstalled(entry, storeFolder(project.config.stateFolder, "notes", entry));
    return "new";
  }

  for (const [at, expected] of [
    ["consent", "old"],
    ["trial", "old"],
    ["notify", "new"],
  ] as const) {
    test(`at its ${at} leaves the ${expected} state, and the next run sweeps up`, async () => {
      await using project = await makeProject();
      makeRepository(project.place("notes"), pluginFiles("notes", permitted));
      await killedAt(project, at);
      assert.equal(await oldOrNew(project), expected);
      assert.equal(existsSync(join(project.config.stateFolder, "staging")), true);
      const config = await readConfig({ workspace: project.folder, env: {} });
      if (expected === "old") await add(project, project.place("notes"), { config });
      else assert.deepEqual((await syncPlugins({ config })).kept, ["notes"]);
      assert.equal(await oldOrNew(project), "new");
      assert.equal(existsSync(join(project.config.stateFolder, "staging")), false);
      assert.deepEqual(readdirSync(project.config.stateFolder).sort(), ["cache", "install.mutex", "store"]);
    });
  }

  test("at any moment leaves the old state or the new one", async () => {
    await using project = await makeProject();
    makeRepository(project.place("notes"), pluginFiles("notes", permitted));
    mkdirSync(project.config.stateFolder, { recursive: true });
    for (let delayMs = 60; delayMs <= 500; delayMs += 40) {
      await killedAt(project, "never", delayMs);
      if ((await oldOrNew(project)) === "new") break;
      const leftovers = readdirSync(project.folder).filter((name) => name.endsWith(".tmp"));
      assert.ok(leftovers.length <= 1, leftovers.join());
    }
  });
});

function bomb(): string {
  const lines = ["a: &a [x, x, x, x, x, x, x, x, x]"];
  for (let at = 1; at < 12; at += 1) {
    const [from, to] = [String.fromCharCode(96 + at), String.fromCharCode(97 + at)];
    lines.push(`${to}: &${to} [${Array.from({ length: 9 }, () => `*${from}`).join(", ")}]`);
  }
  return `name: x\nversion: 1.0.0\n${lines.join("\n")}\n`;
}

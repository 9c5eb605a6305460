// Submodules: fetched only when asked for, from addresses that pass what the source's own passes, at the commit that is named.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { addPlugin, type AddOptions } from "../../../../src/core/plugins/installer/add.ts";
import { defaultCaps } from "../../../../src/core/plugins/installer/caps.ts";
import { GitRepository } from "../../../../src/core/plugins/installer/git-repository.ts";
import { submodulesOf } from "../../../../src/core/plugins/installer/git-submodules.ts";
import type { GitSource } from "../../../../src/core/plugins/installer/source-kinds.ts";
import { syncPlugins } from "../../../../src/core/plugins/installer/sync.ts";
import { readLock, storeFolder } from "../../../../src/core/plugins/lock.ts";
import { openGitServer, type GitServer } from "./git-server.ts";
import { entryOf, trial, update } from "./update-scene.ts";
import { commit, git, makeProject, makeRepository, pluginFiles, write, type Project } from "./workspace.ts";

interface Link {
  path: string;
  url: string;
  id: string;
}

const missingCommit = "1".repeat(40);

describe("a source with submodules", () => {
  let served: Project;
  let server: GitServer;
  let library = "";
  let made = 0;

  before(async () => {
    served = await makeProject();
    mkdirSync(served.place("served/team"), { recursive: true });
    server = await openGitServer({ root: served.place("served") });
    makeRepository(served.place("served/team/lib"), { "lib.ts": "export const one = 1;\n" });
    library = git(served.place("served/team/lib"), "rev-parse", "HEAD");
    commit(served.place("served/team/lib"), { "lib.ts": "export const one = 2;\n", "later.ts": "" });
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await served?.[Symbol.asyncDispose]();
  });

  /** Commits gitlinks, and a .gitmodules that says where they lead. */
  function link(folder: string, links: readonly Link[], gitmodules = describeLinks(links)): string {
    write(folder, { ".gitmodules": gitmodules });
    git(folder, "add", "-A", "-f");
    const entries = links.flatMap(({ path, id }) => ["--cacheinfo", `160000,${id},${path}`]);
    git(folder, "update-index", "--add", ...entries);
    git(folder, "commit", "-q", "-m", "links");
    return git(folder, "rev-parse", "HEAD");
  }

  const describeLinks = (links: readonly Link[]): string =>
    links
      .map(
        ({ path, url }) =>
          `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n\tupdate = !touch mark\n`,
      )
      .join("");

  function repository(links: readonly Link[], files = pluginFiles("notes"), gitmodules?: string) {
    const name = `team/r${(made += 1)}`;
    const folder = makeRepository(served.place(`served/${name}`), files);
    const head = link(folder, links, gitmodules);
    return { folder, head, url: `${server.url}/${name}` };
  }

  const add = (project: Project, source: string, options: Partial<AddOptions> = {}) =>
    addPlugin({
      config: project.config,
      cwd: project.folder,
      source,
      consent: async () => true,
      trial,
      submodules: true,
      ...options,
    });

  const library1 = (url = "../lib"): Link => ({ path: "vendor/lib", url, id: library });

  test("is refused unless they are asked for: they are named, and so is the flag", async () => {
    await using project = await makeProject();
    const before = project.snapshot();
    const { url } = repository([library1(), { ...library1(), path: "other" }]);
    await assert.rejects(add(project, url, { submodules: false }), {
      code: "SOURCE_INVALID",
      message: "the source is not installed: 'other', 'vendor/lib' are submodules",
      hint: /xcore plugin add <source> --submodules/,
      details: { submodules: ["other", "vendor/lib"] },
    });
    assert.deepEqual(project.snapshot(), before);
    await assert.rejects(add(project, project.place(".")), { code: "USAGE", message: /--submodules/ });
  });

  test("is installed with exactly the commits it names, and consent and lock say so", async () => {
    await using project = await makeProject();
    const { url } = repository([library1()]);
    const origins: string[] = [];
    const { entry } = await add(project, url, {
      consent: async ({ origin }) => origins.push(origin) > 0,
    });
    assert.match(origins.join(), /, with its submodules$/);
    assert.partialDeepStrictEqual(entry.source, { type: "git", submodules: true });
    assert.deepEqual((await readLock(project.folder)).plugins["notes"]?.source, entry.source);
    const folder = storeFolder(project.config.stateFolder, "notes", entry);
    assert.equal(readFileSync(join(folder, "vendor/lib/lib.ts"), "utf8"), "export const one = 1;\n");
    assert.ok(!existsSync(join(folder, "vendor/lib/later.ts")));
    assert.ok(!existsSync(join(folder, "vendor/lib/.git")));
  });

  test("is updated and synced with them, since xcore.lock remembers", async () => {
    await using project = await makeProject();
    const { url, folder } = repository([library1()]);
    await add(project, `${url}#main`);
    commit(folder, pluginFiles("notes", "", "1.1.0"));
    const tip = git(served.place("served/team/lib"), "rev-parse", "HEAD");
    link(folder, [{ ...library1(), id: tip }]);
    await update(project);
    const entry = await entryOf(project);
    assert.equal(entry.version, "1.1.0");
    const stored = storeFolder(project.config.stateFolder, "notes", entry);
    assert.equal(readFileSync(join(stored, "vendor/lib/lib.ts"), "utf8"), "export const one = 2;\n");

    await using checkout = await makeProject();
    write(checkout.folder, { "xcore.lock": readFileSync(join(project.folder, "xcore.lock")) });
    await syncPlugins({ config: checkout.config, trial });
    assert.ok(
      existsSync(join(storeFolder(checkout.config.stateFolder, "notes", entry), "vendor/lib/lib.ts")),
    );
    await update(checkout, { to: git(folder, "rev-parse", "HEAD") });
  });

  test("may lie in a subfolder, have submodules of submodules, and be a repository on this machine", async () => {
    await using project = await makeProject();
    const inner = repository([library1("../../team/lib")], { "inner.ts": "" });
    const outer = repository([{ path: "plugins/notes/in", url: inner.url, id: inner.head }], {
      "plugins/notes/plugin.yaml": "name: notes\nversion: 1.0.0\nentry: in/inner.ts\n",
    });
    for (const address of [outer.url, outer.folder]) {
      const { entry } = await add(project, `git+${address}//plugins/notes`);
      const folder = storeFolder(project.config.stateFolder, "notes", entry);
      assert.ok(existsSync(join(folder, "in/vendor/lib/lib.ts")), address);
      write(project.folder, { "xcore.lock": "version: 2\n" });
    }
  });

  test("is refused where an address leads elsewhere than to a repository it may use", async () => {
    await using project = await makeProject();
    const before = project.snapshot();
    const addresses: [string, RegExp][] = [
      ["ext::touch mark", /'git\+ext::' runs a helper/],
      ["--upload-pack=touch mark", /begins with '-'/],
      [`file://${served.place("served/team/lib")}`, /place on this machine/],
      [served.place("served/team/lib"), /place on this machine/],
    ];
    for (const [url, says] of addresses) {
      const { url: source } = repository([library1(JSON.stringify(url))]);
      await assert.rejects(add(project, source), { code: "SOURCE_INVALID", message: says }, url);
    }
    assert.deepEqual(project.snapshot(), before);
    assert.ok(!existsSync(join(project.folder, "mark")));
  });

  test("is refused where the commit is missing, or .gitmodules is no help", async () => {
    await using project = await makeProject();
    await assert.rejects(add(project, repository([{ ...library1(), id: missingCommit }]).url), {
      code: "SOURCE_UNREACHABLE",
      message: /^submodule 'vendor\/lib': .*team\/lib/,
    });
    const unhelpful: [string, RegExp][] = [
      ["", /no address for the submodule 'vendor\/lib'/],
      ["[submodule", /can't be read/],
      [`${describeLinks([library1()])}${describeLinks([library1()])}`, /twice/],
      ["#".repeat(70_000), /larger than 64 KB/],
    ];
    for (const [text, says] of unhelpful) {
      const { url } = repository([library1()], undefined, text);
      await assert.rejects(add(project, url), { code: "SOURCE_INVALID", message: says }, text.slice(0, 80));
    }
  });

  test("is bounded as one: files, bytes, levels, number, and paths that fall together", async () => {
    await using project = await makeProject();
    const { url } = repository([library1()]);
    await assert.rejects(add(project, url, { caps: { files: 4 } }), { message: /more than 4 files/ });
    await assert.rejects(add(project, url, { caps: { transferBytes: 4000 } }), { message: /is larger than/ });
    const many = Array.from({ length: 21 }, (_, at) => ({ ...library1(), path: `v${at}` }));
    await assert.rejects(add(project, repository(many).url), { message: /more than 20 submodules/ });
    const folded = [
      { ...library1(), path: "vendor/a" },
      { ...library1(), path: "vendor/A" },
    ];
    await assert.rejects(add(project, repository(folded).url), { message: /same on some file systems/ });
    let nested = repository([library1()], { "x.ts": "" });
    for (let level = 0; level < 3; level += 1) {
      nested = repository([{ path: "in", url: nested.url, id: nested.head }]);
    }
    await assert.rejects(add(project, nested.url), { message: /deeper than 3 levels in 'in\/in\/in'/ });
  });

  const parents: [GitSource, [string, string | RegExp][]][] = [
    [
      remote("https", "https://example.com/team/notes.git"),
      [
        ["../lib.git", "https://example.com/team/lib.git"],
        ["./../..//lib", "https://example.com/lib"],
        ["./lib", "https://example.com/team/notes.git/lib"],
        ["git@example.com:team/lib.git", "git@example.com:team/lib.git"],
        ["https://127.0.0.1/lib", /leads from https:\/\/example\.com\/team\/notes\.git to https:\/\/127/],
        ["http://127.0.0.1/lib", /leads from/],
        ["ssh://git@localhost/lib", /leads from/],
        ["git@localhost:lib", /leads from/],
        ["lib", /place on this machine/],
        ["../../../lib", /leads out of its server/],
        ["http://example.com/x.git", /plain http/],
        ["https://user:secret@example.com/x.git", /credentials/],
        ["ssh://-oProxyCommand=x/y", /no address/],
        ["git://example.com/x.git", /protocol 'git' is not used/],
        ["../lib#main", /whole repository/],
        ["../lib//inner", /whole repository/],
        ["https://example.com/x\ny", /control characters/],
      ],
    ],
    [
      remote("ssh", "git@example.com:team/notes.git"),
      [
        ["../lib.git", "git@example.com:team/lib.git"],
        ["../../lib", "git@example.com:lib"],
        ["../../../lib", /leads out of its server/],
        ["file:///lib", /place on this machine/],
      ],
    ],
  ];
  for (const [source, addresses] of parents) {
    test(`of ${source.url} leads where git would go, and never from the network to this machine`, async () => {
      const { folder } = repository([library1()]);
      const heads = addresses.map(([address]) => link(folder, [library1(JSON.stringify(address))]));
      const opened = await GitRepository.create({
        folder: join(folder, ".git"),
        source,
        caps: defaultCaps,
        signal: new AbortController().signal,
        env: process.env,
        onProgress: () => undefined,
      });
      for (const [at, [address, expected]] of addresses.entries()) {
        const parent = { source, commit: heads[at] as string, path: "", level: 0 };
        const found = submodulesOf(opened, parent, [library1()]);
        if (typeof expected === "string") {
          assert.deepEqual(
            (await found).map((one) => [one.source.remote, one.source.commit]),
            [[expected, library]],
          );
        } else await assert.rejects(found, { code: "SOURCE_INVALID", message: expected }, address);
      }
    });
  }
});

function remote(protocol: "https" | "ssh", url: string): GitSource {
  return {
    type: "git",
    remote: url,
    url,
    protocol,
    ref: undefined,
    subfolder: undefined,
    commit: undefined,
    submodules: true,
  };
}

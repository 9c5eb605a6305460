// One commit out of real repositories: by file and by HTTP, open and private, with everything a hostile one may try.
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { SourceCache } from "../../../../src/core/plugins/installer/cache.ts";
import { defaultCaps, type Caps } from "../../../../src/core/plugins/installer/caps.ts";
import { fetchGit, type GitResult } from "../../../../src/core/plugins/installer/git.ts";
import { parseSource } from "../../../../src/core/plugins/installer/source.ts";
import type { GitSource } from "../../../../src/core/plugins/installer/source-kinds.ts";
import { StagedTree } from "../../../../src/core/plugins/installer/staged-tree.ts";
import { openGitServer, type GitServer } from "./git-server.ts";
import { commit, git, makeProject, makeRepository, write, type Project } from "./workspace.ts";

function readlinkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

interface Fetched extends GitResult {
  folder: string;
}

describe("fetching a commit", () => {
  let project: Project;
  let server: GitServer;
  let made = 0;
  let first = "";

  before(async () => {
    project = await makeProject();
    mkdirSync(project.place("served"));
    server = await openGitServer({ root: project.place("served") });
    const repository = makeRepository(project.place("served/notes"), {
      "plugin.yaml": "name: notes\n",
      "bin/tool": { content: "#!/bin/sh\n", mode: 0o755 },
      "binary.dat": Buffer.from([0, 255, 10, 13, 10, 128]),
      ".gitattributes": "*.txt text eol=crlf ident\n*.dat filter=lfs\n",
      "text.txt": "line $Id$\n",
      "inner/plugin/plugin.yaml": "name: inner\n",
      "big.dat": Buffer.alloc(300_000, 7),
    });
    first = git(repository, "rev-parse", "HEAD");
    git(repository, "tag", "-a", "v1.0.0", "-m", "one");
    git(repository, "branch", "feature/x");
    commit(repository, { "second.txt": "2" });
    commit(repository, { "third.txt": "3" });
    git(repository, "config", "uploadpack.allowFilter", "true");
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await project?.[Symbol.asyncDispose]();
  });

  async function fetchFrom(
    text: string,
    options: { caps?: Partial<Caps>; env?: NodeJS.ProcessEnv; commit?: string; state?: string } = {},
  ): Promise<Fetched> {
    const parsed = await parseSource(text, { cwd: project.folder, workspace: project.folder });
    assert.equal(parsed.type, "git");
    const source = {
      ...(parsed as GitSource),
      ...(options.commit === undefined ? {} : { commit: options.commit }),
    };
    const room = project.place(`room-${(made += 1)}`);
    mkdirSync(room);
    const caps = { ...defaultCaps, ...options.caps };
    const folder = join(room, "plugin");
    mkdirSync(folder);
    const result = await fetchGit(
      {
        folder: join(room, "repository"),
        source,
        caps,
        env: options.env ?? process.env,
        signal: new AbortController().signal,
        onProgress: () => undefined,
        cache: new SourceCache(options.state ?? join(room, "state")),
      },
      new StagedTree(folder, caps),
    );
    return { ...result, folder };
  }

  const addresses = (): [string, string][] => [
    ["file", `file://${project.place("served/notes")}`],
    ["HTTP", `${server.url}/notes`],
  ];

  test("brings the files of the default branch byte for byte, with nothing of git beside them", async () => {
    for (const [by, address] of addresses()) {
      const { folder, commit: id, tree } = await fetchFrom(address);
      assert.match(id, /^[0-9a-f]{40}$/, by);
      assert.equal(tree, git(project.place("served/notes"), "rev-parse", "HEAD^{tree}"));
      assert.deepEqual(readdirSync(folder).sort(), [
        ".gitattributes",
        "big.dat",
        "bin",
        "binary.dat",
        "inner",
        "plugin.yaml",
        "second.txt",
        "text.txt",
        "third.txt",
      ]);
      assert.deepEqual([...readFileSync(join(folder, "binary.dat"))], [0, 255, 10, 13, 10, 128]);
      assert.equal(readFileSync(join(folder, "text.txt"), "utf8"), "line $Id$\n");
      assert.equal(statSync(join(folder, "bin/tool")).mode & 0o7777, 0o755);
      assert.equal(statSync(join(folder, "text.txt")).mode & 0o7777, 0o644);
    }
  });

  test("finds a tag, an annotated one too, a branch, a full id, and a short id of a tip", async () => {
    for (const [by, address] of addresses()) {
      for (const ref of ["v1.0.0", "feature/x", "refs/heads/feature/x", first, first.slice(0, 10)]) {
        assert.equal((await fetchFrom(`${address}#${ref}`)).commit, first, `${ref} by ${by}`);
      }
    }
  });

  test("finds a short id of any commit, and says when there is none or more than one", async () => {
    const middle = git(project.place("served/notes"), "rev-parse", "HEAD~1");
    for (const [by, address] of addresses()) {
      assert.equal((await fetchFrom(`${address}#${middle.slice(0, 9)}`)).commit, middle, by);
      await assert.rejects(
        fetchFrom(`${address}#0000000000`),
        { code: "SOURCE_INVALID", message: /has no commit '0000000000…'/ },
        by,
      );
    }
  });

  test("needs no network for a commit that was fetched before, and fetches anew what is damaged", async () => {
    const state = project.place("state");
    const asked = (): number => server.requests.length;
    const { commit: id } = await fetchFrom(`${server.url}/notes`, { state });
    const before = asked();
    const again = await fetchFrom(`${server.url}/notes#${id}`, { state });
    assert.deepEqual([again.commit, asked()], [id, before]);
    assert.ok(readdirSync(again.folder).includes("big.dat"));
    const [kept = ""] = readdirSync(join(state, "cache/git"));
    rmSync(join(state, "cache/git", kept, "objects/pack"), { recursive: true });
    mkdirSync(join(state, "cache/git", kept, "objects/pack"));
    await assert.rejects(fetchFrom(`${server.url}/notes#${id}`, { state }));
    assert.equal((await fetchFrom(`${server.url}/notes#${id}`, { state })).commit, id);
    assert.ok(asked() > before);
  });

  test("takes a subfolder alone, and fetches the contents of nothing else", async () => {
    const { folder, tree } = await fetchFrom(`${server.url}/notes//inner/plugin`);
    assert.deepEqual(readdirSync(folder), ["plugin.yaml"]);
    assert.equal(tree, git(project.place("served/notes"), "rev-parse", "HEAD:inner/plugin"));
    const kept = join(folder, "../state/cache/git");
    const packs = join(kept, readdirSync(kept)[0] ?? "", "objects/pack");
    const bytes = readdirSync(packs).reduce((sum, name) => sum + statSync(join(packs, name)).size, 0);
    assert.ok(bytes < 20_000, `${bytes} bytes were fetched of a repository with 300 KB`);
  });

  test("fetches a pinned commit although the branch has moved on", async () => {
    assert.equal((await fetchFrom(`${server.url}/notes#main`, { commit: first })).commit, first);
  });

  test("works with a repository of SHA-256 ids", async () => {
    makeRepository(project.place("sha256"), { "plugin.yaml": "name: x\n" }, ["--object-format=sha256"]);
    const { commit: id, folder } = await fetchFrom(project.place("sha256"));
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.deepEqual(readdirSync(folder), ["plugin.yaml"]);
  });

  test("names the nearest branch or tag for one that is not there", async () => {
    await assert.rejects(fetchFrom(`${server.url}/notes#v1.0.1`), {
      code: "SOURCE_INVALID",
      message: /has no branch or tag 'v1\.0\.1'/,
      hint: /did you mean 'v1\.0\.0'/,
    });
    await assert.rejects(fetchFrom(`${server.url}/notes#abcdef1`), { hint: /Give the full id/ });
    await assert.rejects(fetchFrom(`${server.url}/notes#${"e".repeat(40)}`), { code: "SOURCE_UNREACHABLE" });
    await assert.rejects(fetchFrom(`${server.url}/notes//nowhere`), { message: /has no folder 'nowhere'/ });
    await assert.rejects(fetchFrom(`${server.url}/notes//plugin.yaml`), {
      message: /has no folder 'plugin.yaml'/,
    });
  });

  test("says what is wrong with an address", async () => {
    await assert.rejects(fetchFrom(`${server.url}/nowhere`), {
      code: "SOURCE_UNREACHABLE",
      message: /no repository/,
    });
    await assert.rejects(fetchFrom("http://127.0.0.1:1/a"), { code: "SOURCE_UNREACHABLE" });
    await assert.rejects(fetchFrom("https://nowhere.invalid/a"), {
      code: "SOURCE_UNREACHABLE",
      message: /host is not known/,
    });
    mkdirSync(project.place("empty"));
    git(project.place("empty"), "init", "-q");
    await assert.rejects(fetchFrom(project.place("empty")), {
      code: "SOURCE_INVALID",
      message: /has no commit yet/,
    });
  });

  test("asks nobody for a password, and uses the credential helper of the user", async () => {
    await using closed = await openGitServer({ root: project.place("served"), password: "ann:right" });
    const home = project.place("home");
    write(home, { ".gitconfig": "" });
    const env = { PATH: process.env["PATH"], HOME: home };
    await assert.rejects(fetchFrom(`${closed.url}/notes`, { env }), {
      code: "SOURCE_UNREACHABLE",
      message: /was not let in/,
      hint: /credential helper/,
    });
    write(home, {
      ".gitconfig": `[credential]\nhelper = store --file ${join(home, "kept")}\n`,
      kept: `${closed.url.replace("://", "://ann:right@")}\n`,
    });
    assert.match((await fetchFrom(`${closed.url}/notes`, { env })).commit, /^[0-9a-f]{40}$/);
  });

  test("runs no hook, no filter and no template of the user, and reads no GIT_ variable", async () => {
    const home = project.place("hostile-home");
    const mark = join(home, "mark");
    const script = { content: `#!/bin/sh\ntouch ${mark}\n`, mode: 0o755 };
    write(home, {
      "hooks/reference-transaction": script,
      "hooks/post-checkout": script,
      "template/hooks/reference-transaction": script,
      ssh: script,
      ".gitconfig": `[core]\nhooksPath = ${home}/hooks\nfsmonitor = ${home}/ssh\naskPass = ${home}/ssh\n[init]\ntemplateDir = ${home}/template\n[filter "lfs"]\nsmudge = touch ${mark}\nprocess = touch ${mark}\n`,
    });
    const env = {
      PATH: process.env["PATH"],
      HOME: home,
      GIT_SSH_COMMAND: join(home, "ssh"),
      GIT_ASKPASS: join(home, "ssh"),
      GIT_TEMPLATE_DIR: join(home, "template"),
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "core.hooksPath",
      GIT_CONFIG_VALUE_0: join(home, "hooks"),
      GIT_DIR: home,
      GIT_ALLOW_PROTOCOL: "ext:file:http",
    };
    await fetchFrom(`${server.url}/notes`, { env });
    assert.ok(!existsSync(mark));
  });

  test("follows a redirect to no other protocol", async () => {
    for (const target of ["ext::touch", `file://${project.place("served/notes")}`, "ssh://127.0.0.1/x"]) {
      await using turned = await openGitServer({
        root: project.place("served"),
        instead: (url, respond) => {
          respond(302, {
            location: target === "ext::touch" ? target : `${target}${url.slice(url.indexOf("/info"))}`,
          });
          return true;
        },
      });
      await assert.rejects(fetchFrom(`${turned.url}/notes`), { code: "SOURCE_UNREACHABLE" });
    }
  });

  test("gives up on a server that says nothing", async () => {
    await using silent = await openGitServer({ root: project.place("served"), instead: () => true });
    await assert.rejects(fetchFrom(`${silent.url}/notes`, { caps: { idleMs: 300 } }), {
      code: "SOURCE_UNREACHABLE",
      message: /did not answer within/,
    });
    await assert.rejects(fetchFrom(`${silent.url}/notes`, { caps: { fetchMs: 300 } }), {
      code: "SOURCE_UNREACHABLE",
      message: /was not fetched within/,
    });
    const places = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readlinkOf(`/proc/${pid}/cwd`));
    assert.deepEqual(
      places.filter((place) => place.startsWith(project.place("room-"))),
      [],
      "no process of git is left",
    );
  });

  describe("from a hostile repository", () => {
    /** A commit whose tree holds entries that git itself would not add. */
    function forge(name: string, entries: readonly [mode: string, path: string, content: string][]): string {
      const folder = makeRepository(project.place(name), { "plugin.yaml": "name: x\n" });
      const lines = entries.map(([mode, path, content]) => {
        if (mode === "160000") return Buffer.from(`${mode} commit ${"1".repeat(40)}\t${path}\0`);
        const id = execFileSync("git", ["hash-object", "-w", "--stdin"], { cwd: folder, input: content })
          .toString()
          .trim();
        return Buffer.from(`${mode} blob ${id}\t${path}\0`);
      });
      const raw = Buffer.concat(
        lines.map((line) => {
          const [head = "", path = ""] = line.toString().slice(0, -1).split("\t");
          const [mode, , id = ""] = head.split(" ");
          return Buffer.concat([Buffer.from(`${mode} ${path}\0`), Buffer.from(id, "hex")]);
        }),
      );
      const tree = execFileSync("git", ["hash-object", "-t", "tree", "-w", "--stdin", "--literally"], {
        cwd: folder,
        input: raw,
      })
        .toString()
        .trim();
      git(folder, "update-ref", "HEAD", git(folder, "commit-tree", tree, "-m", "forged"));
      return folder;
    }

    const attacks: [string, readonly [string, string, string][], RegExp][] = [
      ["a symbolic link out of the tree", [["120000", "link", "/etc/passwd"]], /'link' is a symbolic link/],
      ["a symbolic link within the tree", [["120000", "link", "plugin.yaml"]], /'link' is a symbolic link/],
      [
        "a submodule",
        [
          ["100644", ".gitmodules", '[submodule "a"]\npath=a\nurl=ext::touch\n'],
          ["160000", "a", ""],
        ],
        /'a' is a submodule/,
      ],
      ["a path with ..", [["100644", "../../evil", "x"]], /leads out of its folder/],
      ["a file named ..", [["100644", "..", "x"]], /leads out of its folder/],
      ["an absolute path", [["100644", "/etc/evil", "x"]], /is absolute/],
      [".git", [["100644", ".git", "x"]], /\.git folder/],
      [".GIT in other letters", [["100644", ".GiT", "x"]], /\.git folder/],
      ["git~1", [["100644", "git~1", "x"]], /\.git folder/],
      [".git with an invisible character", [["100644", ".g\u200cit", "x"]], /\.git folder/],
      ["a backslash", [["100644", "a\\..\\b", "x"]], /backslash/],
      ["a control character", [["100644", "a\u001b[2Jb", "x"]], /characters that are no text/],
      [
        "names that fall together",
        [
          ["100644", "README", "a"],
          ["100644", "readme", "b"],
        ],
        /same on some file systems/,
      ],
      [
        "names in two Unicode forms",
        [
          ["100644", "caf\u00e9", "a"],
          ["100644", "cafe\u0301", "b"],
        ],
        /same on some file systems/,
      ],
      ["the name of a device", [["100644", "con", "x"]], /name of a device/],
    ];
    for (const [index, [what, entries, pattern]] of attacks.entries()) {
      test(`refuses ${what}`, async () => {
        const repository = forge(`attack-${index}`, entries);
        const outside = readdirSync(project.place("."));
        await assert.rejects(fetchFrom(repository), (error: { code: string; message: string }) => {
          assert.match(error.code, /SOURCE_INVALID|SOURCE_UNREACHABLE/);
          assert.match(error.message, pattern);
          return true;
        });
        const room = `room-${made}`;
        assert.deepEqual(readdirSync(project.place(".")), [...outside, room].sort());
        assert.deepEqual(readdirSync(project.place(`${room}/plugin`)), []);
      });
    }

    test("drops set-id bits and a .npmrc that would choose the registry", async () => {
      const repository = forge("setuid", [
        ["100644", ".npmrc", "registry=http://evil.example\n"],
        ["104755", "tool", "x"],
      ]);
      const { folder } = await fetchFrom(repository);
      assert.deepEqual(readdirSync(folder), ["tool"]);
      assert.equal(statSync(join(folder, "tool")).mode & 0o7000, 0);
    });

    test("caps the number of files, their size, and all of them together", async () => {
      const repository = makeRepository(project.place("large"), {
        ...Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`f/${at}.txt`, `${at}`])),
        "large.bin": Buffer.alloc(2_000_000),
      });
      await assert.rejects(fetchFrom(repository, { caps: { files: 20 } }), { message: /more than 20 files/ });
      await assert.rejects(fetchFrom(repository, { caps: { fileBytes: 1_000_000 } }), {
        message: /'large\.bin' has 1\.9 MB/,
      });
      await assert.rejects(fetchFrom(repository, { caps: { totalBytes: 1_000_000 } }), {
        message: /more than/,
      });
    });

    test("is not drowned by a tree that unfolds into billions of files", async () => {
      const folder = makeRepository(project.place("bomb"), { "plugin.yaml": "name: x\n" });
      const hash = (type: string, input: Buffer): string =>
        execFileSync("git", ["hash-object", "-t", type, "-w", "--stdin"], { cwd: folder, input })
          .toString()
          .trim();
      let id = hash("blob", Buffer.from("x"));
      let mode = "100644";
      for (let depth = 0; depth < 10; depth += 1) {
        const entry = (at: number): Buffer =>
          Buffer.concat([Buffer.from(`${mode} ${at}\0`), Buffer.from(id, "hex")]);
        id = hash("tree", Buffer.concat(Array.from({ length: 10 }, (_, at) => entry(at))));
        mode = "40000";
      }
      git(folder, "update-ref", "HEAD", git(folder, "commit-tree", id, "-m", "bomb"));
      await assert.rejects(fetchFrom(folder), {
        code: "SOURCE_INVALID",
        message: /too many files|more than/,
      });
    });

    test("stops a fetch that grows beyond the cap", async () => {
      const noise = (): Buffer =>
        Buffer.from(Array.from({ length: 400_000 }, () => Math.floor(Math.random() * 256)));
      const repository = makeRepository(project.place("heavy"), { a: noise(), b: noise(), c: noise() });
      await assert.rejects(fetchFrom(repository, { caps: { transferBytes: 100_000, fileBytes: 100_000 } }), {
        code: "SOURCE_INVALID",
        message: /larger than|has 39\d KB/,
      });
    });
  });

  test("a repository that is reached through a link, or lies in an unreadable folder, is no other error", async () => {
    symlinkSync(project.place("served/notes"), project.place("linked"));
    assert.match((await fetchFrom(project.place("linked"))).commit, /^[0-9a-f]{40}$/);
    mkdirSync(project.place("odd"));
    writeFileSync(project.place("odd/HEAD"), "x");
    mkdirSync(project.place("odd/objects"));
    mkdirSync(project.place("odd/refs"));
    chmodSync(project.place("odd/HEAD"), 0o600);
    await assert.rejects(fetchFrom(project.place("odd")), { code: "SOURCE_UNREACHABLE" });
  });
});

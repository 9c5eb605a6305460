// Archives, good and hostile, by path and over HTTP.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { defaultCaps, type Caps } from "../../../../src/core/plugins/installer/caps.ts";
import { parseSource } from "../../../../src/core/plugins/installer/source.ts";
import type { TarballSource } from "../../../../src/core/plugins/installer/source-kinds.ts";
import { stage } from "../../../../src/core/plugins/installer/stage.ts";
import { makeProject, type Project } from "./workspace.ts";

interface Entry {
  path: string;
  content?: string | Buffer;
  mode?: number;
  type?: "File" | "SymbolicLink" | "Link" | "Directory" | "CharacterDevice" | "FIFO";
  linkpath?: string;
  size?: number;
}

/** An archive as nobody's tool would make it. */
function archive(entries: readonly Entry[], end = Buffer.alloc(1024)): Buffer {
  const blocks = entries.map(({ path, content = "", mode = 0o644, type = "File", linkpath = "", size }) => {
    const body = Buffer.from(content);
    const head = Buffer.alloc(512);
    new Header({
      path,
      mode,
      type,
      linkpath,
      size: size ?? body.length,
      mtime: new Date(0),
      uid: 0,
      gid: 0,
    }).encode(head, 0);
    return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
  });
  return gzipSync(Buffer.concat([...blocks, end]));
}

describe("an archive", () => {
  let project: Project;
  let made = 0;
  before(async () => {
    project = await makeProject();
  });
  after(async () => project?.[Symbol.asyncDispose]());

  async function unpack(bytes: Buffer | string, suffix = "", caps: Partial<Caps> = {}): Promise<string> {
    let text = String(bytes);
    if (Buffer.isBuffer(bytes)) {
      text = `../archive-${(made += 1)}.tgz`;
      writeFileSync(join(project.folder, text), bytes);
    }
    const source = await parseSource(`${text}${suffix}`, { cwd: project.folder, workspace: project.folder });
    const room = project.place(`room-${(made += 1)}`);
    mkdirSync(room);
    const staged = await stage(source, {
      room,
      workspace: project.folder,
      stateFolder: project.config.stateFolder,
      scopes: {},
      registries: {},
      caps: { ...defaultCaps, ...caps },
      env: process.env,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    return staged.folder;
  }

  test("is unpacked with plain modes, whatever folder its files lie in", async () => {
    for (const top of ["", "package/", "./notes-1.0.0/"]) {
      const folder = await unpack(
        archive([
          { path: `${top}plugin.yaml`, content: "name: x\n", mode: 0o666 },
          { path: `${top}src/`, type: "Directory" },
          { path: `${top}src/tool`, content: "x", mode: 0o6755 },
          { path: `${top}.npmrc`, content: "registry=http://evil.example" },
        ]),
      );
      assert.deepEqual(readdirSync(folder, { recursive: true }).sort(), ["plugin.yaml", "src", "src/tool"]);
      assert.equal(statSync(join(folder, "plugin.yaml")).mode & 0o7777, 0o644);
      assert.equal(statSync(join(folder, "src/tool")).mode & 0o7777, 0o755);
    }
  });

  test("may hold several plugins: one is named by its folder", async () => {
    const bytes = archive([
      { path: "repo-abc/a/plugin.yaml", content: "name: a\n" },
      { path: "repo-abc/b/plugin.yaml", content: "name: b\n" },
    ]);
    assert.equal(readFileSync(join(await unpack(bytes, "//b"), "plugin.yaml"), "utf8"), "name: b\n");
    await assert.rejects(unpack(bytes, "//c"), { code: "SOURCE_INVALID", message: /has no folder 'c'/ });
  });

  const ok: Entry = { path: "plugin.yaml", content: "name: x\n" };
  const attacks: [string, () => Buffer, RegExp][] = [
    [
      "a path out of the folder",
      () => archive([ok, { path: "../evil", content: "x" }]),
      /leads out of its folder/,
    ],
    [
      "a path out of the folder, hidden",
      () => archive([ok, { path: "a/../../evil", content: "x" }]),
      /leads out of its folder/,
    ],
    [
      "a folder out of the folder",
      () => archive([ok, { path: "../evil/", type: "Directory" }]),
      /leads out of its folder/,
    ],
    ["an absolute path", () => archive([ok, { path: "/tmp/xcore-evil", content: "x" }]), /is absolute/],
    ["a drive letter", () => archive([ok, { path: "c:evil", content: "x" }]), /is absolute/],
    ["a backslash", () => archive([ok, { path: "a\\..\\..\\evil", content: "x" }]), /backslash|leads out/],
    [
      "a symbolic link",
      () =>
        archive([
          { path: "a", type: "SymbolicLink", linkpath: "/etc" },
          { path: "a/evil", content: "x" },
        ]),
      /'a' is a symbolic link/,
    ],
    ["a hard link", () => archive([{ path: "a", type: "Link", linkpath: "/etc/passwd" }]), /'a' is a link/],
    ["a device", () => archive([{ path: "a", type: "CharacterDevice" }]), /'a' is a character device/],
    ["a pipe", () => archive([{ path: "a", type: "FIFO" }]), /'a' is a fifo/],
    ["a .git folder", () => archive([{ path: ".git/hooks/post-checkout", content: "x" }]), /\.git folder/],
    ["the same file twice", () => archive([ok, ok]), /same on some file systems/],
    [
      "files that fall together",
      () =>
        archive([
          { path: "A/x", content: "" },
          { path: "a/x", content: "" },
        ]),
      /same on some file systems/,
    ],
    [
      "a file under a file",
      () =>
        archive([
          { path: "a", content: "" },
          { path: "a/b", content: "" },
        ]),
      /same on some file systems/,
    ],
    ["the name of a device", () => archive([{ path: "aux.txt", content: "" }]), /name of a device/],
    ["no files", () => archive([]), /no files|no readable/],
    [
      "an end in the middle",
      () => archive([{ path: "a", content: "x", size: 5000 }], Buffer.alloc(0)),
      /no readable \.tgz/,
    ],
    ["no archive at all", () => Buffer.from("hello"), /no readable \.tgz/],
    ["an archive that is not gzip but noise", () => gzipSync(Buffer.alloc(4096, 65)), /no readable \.tgz/],
  ];
  for (const [what, make, pattern] of attacks) {
    test(`with ${what} is refused`, async () => {
      await assert.rejects(unpack(make()), (error: { code: string; message: string }) => {
        assert.equal(error.code, "SOURCE_INVALID");
        assert.match(error.message, pattern);
        return true;
      });
      assert.ok(!existsSync(project.place("evil")) && !existsSync("/tmp/xcore-evil"));
    });
  }

  test("that unpacks to more than the caps is refused without filling the disk", async () => {
    const zeros = Buffer.alloc(5_000_000);
    const bomb = archive(Array.from({ length: 20 }, (_, at) => ({ path: `f${at}`, content: zeros })));
    assert.ok(bomb.length < 200_000);
    await assert.rejects(unpack(bomb, "", { totalBytes: 8_000_000 }), { message: /more than 7\.6 MB/ });
    await assert.rejects(unpack(bomb, "", { fileBytes: 1_000_000 }), { message: /'f0' has 4\.8 MB/ });
    await assert.rejects(unpack(bomb, "", { files: 3, totalBytes: 1e9 }), { message: /more than 3 files/ });
    const written = readdirSync(project.place(`room-${made}/unpacked`)).length;
    assert.ok(written <= 4, `${written} files were written`);
  });

  describe("over HTTP", () => {
    let url = "";
    let answer: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
    const server = createServer((request, response) => answer(request, response));
    before(async () => {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    after(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    });

    test("is fetched, through a redirect of the same server too", async () => {
      answer = (request, response) => {
        if (request.url === "/a.tgz") response.end(archive([ok]));
        else response.writeHead(302, { location: "/a.tgz" }).end();
      };
      assert.deepEqual(readdirSync(await unpack(`${url}/old.tgz`)), ["plugin.yaml"]);
    });

    test("is pinned by its digest: another one is refused, and one that is known needs no network", async () => {
      let content = archive([ok]);
      let asked = 0;
      answer = (_, response) => {
        asked += 1;
        response.end(content);
      };
      const options = {
        workspace: project.folder,
        stateFolder: project.place("state"),
        scopes: {},
        registries: {},
        caps: defaultCaps,
        env: process.env,
        signal: new AbortController().signal,
        onProgress: () => undefined,
      };
      const fetched = async (archive?: string) => {
        const room = project.place(`room-${(made += 1)}`);
        mkdirSync(room);
        const parsed = await parseSource(`${url}/a.tgz`, { cwd: project.folder, workspace: project.folder });
        const source = { ...(parsed as TarballSource), ...(archive === undefined ? {} : { archive }) };
        return stage(source, { ...options, room });
      };
      const { source } = await fetched();
      assert.ok(source.type === "tarball" && source.archive !== undefined);
      assert.match(source.archive, /^sha512-/);
      content = archive([ok, { path: "more.txt", content: "x" }]);
      assert.deepEqual(readdirSync((await fetched(source.archive)).folder), ["plugin.yaml"]);
      assert.equal(asked, 1);
      rmSync(project.place("state"), { recursive: true });
      await assert.rejects(fetched(source.archive), { code: "LOCK_MISMATCH", message: /another digest/ });
    });

    test("is refused when it is larger than the cap, whatever its length header says", async () => {
      answer = (_, response) => {
        response.write(Buffer.alloc(300_000));
        response.end(Buffer.alloc(300_000));
      };
      await assert.rejects(unpack(`${url}/a.tgz`, "", { transferBytes: 500_000 }), {
        code: "SOURCE_INVALID",
        message: /larger than 488 KB/,
      });
    });

    const faults: [string, typeof answer, RegExp][] = [
      [
        "a redirect to plain http elsewhere",
        (_, response) => response.writeHead(302, { location: "http://example.com/a.tgz" }).end(),
        /not https/,
      ],
      [
        "a redirect to a file",
        (_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end(),
        /not https/,
      ],
      [
        "a redirect without end",
        (_, response) => response.writeHead(302, { location: "/a.tgz" }).end(),
        /redirects more than 5 times/,
      ],
      ["an error", (_, response) => response.writeHead(404).end(), /answers 404/],
      ["a broken connection", (_, response) => response.destroy(), /:/],
      ["silence", () => undefined, /does not answer in time/],
    ];
    for (const [what, given, pattern] of faults) {
      test(`with ${what} is SOURCE_UNREACHABLE`, async () => {
        answer = given;
        await assert.rejects(unpack(`${url}/a.tgz`, "", { idleMs: 500 }), {
          code: "SOURCE_UNREACHABLE",
          message: pattern,
        });
      });
    }
  });
});

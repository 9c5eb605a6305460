// What a source may be, and what is refused before git or the network is touched.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseSource, sourceOfLock } from "../../../../src/core/plugins/installer/source.ts";
import type { Source } from "../../../../src/core/plugins/installer/source-kinds.ts";
import { makeProject, makeRepository, write, type Project } from "./workspace.ts";

describe("a source as people write it", () => {
  let project: Project;
  before(async () => {
    project = await makeProject();
    mkdirSync(project.place("plain/inner"), { recursive: true });
    write(project.place("."), { "notes-1.0.0.tgz": "x", "odd#name/plugin.yaml": "", "text.txt": "x" });
    makeRepository(project.place("repo"), { "a.txt": "a" });
    makeRepository(project.place("bare.git"), { "a.txt": "a" });
  });
  after(async () => project?.[Symbol.asyncDispose]());

  const parse = (text: string): Promise<Source> =>
    parseSource(text, { cwd: project.folder, workspace: project.folder });

  test("git addresses of every kind, with folder and ref", async () => {
    const cases: [string, Partial<Source> & Record<string, unknown>][] = [
      ["https://example.com/a/b", { protocol: "https", remote: "https://example.com/a/b", ref: undefined }],
      ["https://example.com/a/b.git#v1.2.0", { remote: "https://example.com/a/b.git", ref: "v1.2.0" }],
      ["git+https://example.com/a.tgz", { type: "git", remote: "https://example.com/a.tgz" }],
      [
        "https://example.com/a/b.git//plugins/notes#feature/x",
        { subfolder: "plugins/notes", ref: "feature/x" },
      ],
      [
        "ssh://git@example.com:2222/a/b.git//x",
        { protocol: "ssh", remote: "ssh://git@example.com:2222/a/b.git", subfolder: "x" },
      ],
      [
        "git@example.com:a/b.git//x/y#main",
        { protocol: "ssh", remote: "git@example.com:a/b.git", subfolder: "x/y", ref: "main" },
      ],
      ["http://127.0.0.1:8080/a", { protocol: "http" }],
      ["http://localhost/a", { protocol: "http" }],
      ["../repo", { type: "git", protocol: "file", url: "../repo" }],
      ["../repo#main", { type: "git", ref: "main" }],
      ["../repo//inner#main", { type: "git", subfolder: "inner", ref: "main" }],
      ["../bare.git", { type: "git" }],
    ];
    for (const [text, expected] of cases) {
      const source = { ...(await parse(text)) };
      assert.partialDeepStrictEqual(source, { type: "git", ...expected }, text);
    }
    const file = await parse(`file://${project.place("repo")}#main`);
    assert.partialDeepStrictEqual({ ...file }, { type: "git", protocol: "file", ref: "main" });
  });

  test("archives and folders", async () => {
    assert.partialDeepStrictEqual(
      { ...(await parse("../notes-1.0.0.tgz")) },
      {
        type: "tarball",
        remote: false,
        location: project.place("notes-1.0.0.tgz"),
        url: "../notes-1.0.0.tgz",
      },
    );
    assert.partialDeepStrictEqual(
      { ...(await parse("https://example.com/notes.tar.gz//sub")) },
      { type: "tarball", remote: true, location: "https://example.com/notes.tar.gz", subfolder: "sub" },
    );
    assert.deepEqual(await parse("../plain"), {
      type: "folder",
      folder: project.place("plain"),
      path: "../plain",
    });
    assert.partialDeepStrictEqual(
      { ...(await parse("../plain//inner")) },
      { folder: project.place("plain/inner") },
    );
    assert.partialDeepStrictEqual({ ...(await parse("../odd#name")) }, { type: "folder" });
  });

  const refused: [string, RegExp][] = [
    ["", /it is empty/],
    ["-u/evil", /begins with '-'/],
    ["--upload-pack=touch /tmp/x", /begins with '-'/],
    ["git+--upload-pack=x", /begins with '-'/],
    ["ext::sh -c touch% /tmp/x", /runs a helper program/],
    ["git+ext::sh -c id", /runs a helper program/],
    ["fd::17", /runs a helper program/],
    ["git://example.com/a", /protocol 'git' is not used/],
    ["ftp://example.com/a.tgz", /protocol 'ftp' is not used/],
    ["javascript://x", /protocol 'javascript' is not used/],
    ["http://example.com/a/b", /plain http can be changed/],
    ["ssh://-oProxyCommand=touch/x", /no address|begins with '-'/],
    ["ssh://-x@example.com/a", /user begins with '-'/],
    ["https://user:secret@example.com/a", /holds credentials/],
    ["https://token@example.com/a", /holds credentials/],
    ["https://example.com/a#--upload-pack=x", /no name of a branch/],
    ["https://example.com/a#-x", /no name of a branch/],
    ["https://example.com/a#a..b", /no name of a branch/],
    ["https://example.com/a#HEAD~1", /no name of a branch/],
    ["https://example.com/a#", /no name of a branch/],
    ["https://example.com/a//../../etc", /leads out of its folder/],
    ["https://example.com/a//.git/hooks", /lies in a .git folder/],
    ["https://example.com/a%0ahost=evil", /characters no address has/],
    ["https://example.com/a\nb", /control characters/],
    ["git@-oProxyCommand=x:a", /there is no file or folder|expected git@host/],
    ["git@example.com:-x", /expected git@host:path/],
    ["notes", /no file or folder 'notes'/],
    ["../text.txt", /no .tgz or .tar.gz archive/],
    ["../notes-1.0.0.tgz#v1", /archive has no #ref/],
    ["../plain#main", /no git repository/],
    ["file:///nowhere/at/all", /no such file or folder/],
    ["file://host/a", /file address is file:\/\/\//],
  ];
  for (const [text, pattern] of refused) {
    test(`refuses ${JSON.stringify(text)}`, async () => {
      await assert.rejects(parse(text), (error: { code: string; message: string; hint: string }) => {
        assert.equal(error.code, "SOURCE_INVALID");
        assert.match(error.message, pattern);
        assert.ok(error.hint.length > 0);
        assert.ok(!error.message.includes("secret"), "credentials are not repeated");
        return true;
      });
    });
  }

  test("suggests the address where somebody wrote owner/name", async () => {
    await assert.rejects(parse("someone/notes"), { hint: /https:\/\/github\.com\/someone\/notes/ });
  });

  test("what stands in the lock is checked as if it had been typed", async () => {
    const commit = "a".repeat(40);
    const git = { type: "git", ref: "main", subfolder: undefined, commit, tree: commit } as const;
    const source = await sourceOfLock({ ...git, url: "https://example.com/a" }, project.folder);
    assert.partialDeepStrictEqual({ ...source }, { remote: "https://example.com/a", commit, ref: "main" });
    await assert.rejects(sourceOfLock({ ...git, url: "ext::sh -c id" }, project.folder), {
      code: "SOURCE_INVALID",
    });
    await assert.rejects(sourceOfLock({ ...git, url: "--upload-pack=x" }, project.folder), {
      code: "SOURCE_INVALID",
    });
    await assert.rejects(
      sourceOfLock({ ...git, url: "https://example.com/a", subfolder: "../x" }, project.folder),
      { code: "SOURCE_INVALID" },
    );
    const folder = await sourceOfLock({ type: "folder", path: "../plain" }, project.folder);
    assert.deepEqual(folder, { type: "folder", folder: join(project.folder, "../plain"), path: "../plain" });
  });
});

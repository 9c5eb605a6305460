import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { placeFolder } from "../../../src/core/scaffold/place.ts";
import { errorOf, makeProject } from "../config/project.ts";

const never = new AbortController().signal;
const build = (staging: string) => writeFile(join(staging, "file.txt"), "new");

test("a new folder appears complete, with the folders above it", async () => {
  await using project = await makeProject();
  await placeFolder({ target: join(project.folder, "a/b/app"), build, signal: never });
  assert.deepEqual(await readdir(join(project.folder, "a/b")), ["app"]);
  assert.deepEqual(await readdir(join(project.folder, "a/b/app")), ["file.txt"]);
});

test("a folder that is empty but for what is ignored is filled and stays the same folder", async () => {
  await using project = await makeProject();
  await mkdir(join(project.folder, "app/.git"), { recursive: true });
  await placeFolder({ target: join(project.folder, "app"), build, ignored: [".git"], signal: never });
  assert.deepEqual(await readdir(join(project.folder, "app")), [".git", "file.txt"]);
  assert.deepEqual(await readdir(project.folder), ["app"]);
});

test("a folder that holds something is left as it is, and what is in the way is named", async () => {
  await using project = await makeProject({ "app/package.json": "{}", "app/notes.txt": "mine" });
  const error = await errorOf(placeFolder({ target: join(project.folder, "app"), build, signal: never }));
  assert.equal(error.code, "FOLDER_NOT_EMPTY");
  assert.match(error.message, /in the way: notes\.txt, package\.json/);
  assert.deepEqual(await readdir(join(project.folder, "app")), ["notes.txt", "package.json"]);
  assert.deepEqual(await readdir(project.folder), ["app"]);
});

test("a file in the place of the folder is named", async () => {
  await using project = await makeProject({ app: "a file" });
  const error = await errorOf(placeFolder({ target: join(project.folder, "app"), build, signal: never }));
  assert.match(error.message, /a file is in the way/);
  const below = await errorOf(placeFolder({ target: join(project.folder, "app/x"), build, signal: never }));
  assert.match(below.message, /a file is in the way/);
});

test("when building fails or is aborted nothing stays behind", async () => {
  await using project = await makeProject();
  const target = join(project.folder, "made/on/the/way/app");
  const failing = placeFolder({
    target,
    signal: never,
    build: async (staging) => {
      await build(staging);
      throw new Error("no");
    },
  });
  await assert.rejects(failing, /no/);
  assert.deepEqual(await readdir(project.folder), []);
  const controller = new AbortController();
  const aborted = placeFolder({
    target,
    signal: controller.signal,
    build: async (staging) => {
      await build(staging);
      controller.abort(new Error("stopped"));
    },
  });
  await assert.rejects(aborted, /stopped/);
  assert.deepEqual(await readdir(project.folder), []);
});

// Where an attack on the installer is played: a project, folders beside it, servers, and all that must stay as it was.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { readConfig } from "../../../src/core/config/read.ts";
import type { Config } from "../../../src/core/config/config.ts";
import { addPlugin, type AddOptions, type Installed } from "../../../src/core/plugins/installer/add.ts";
import { openRegistry, type Package } from "../../core/plugins/installer/npm-registry.ts";
import {
  git,
  makeProject,
  makeRepository,
  pluginFiles,
  write,
  type Files,
  type Project,
} from "../../core/plugins/installer/workspace.ts";

export interface Scene extends AsyncDisposable {
  readonly project: Project;
  /** A file that nobody may make: what an attack would run makes it. */
  readonly mark: string;
  /** Beside the project. */
  place(name: string): string;
  folder(name: string, files: Files): string;
  repository(name: string, files: Files): string;
  /** A repository whose tree holds exactly these entries, as git itself would not make it. */
  forged(entries: readonly [mode: string, path: string, content: string][]): string;
  archive(entries: readonly Entry[], end?: Buffer): string;
  file(name: string, bytes: Buffer): string;
  serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string>;
  npm(packages: Readonly<Record<string, Package>>): Promise<string>;
  reconfigure(yaml: string): Promise<Config>;
  add(source: string, options?: Partial<AddOptions>): Promise<Installed>;
  /** Everything outside of what an installation may write, and what it may leave inside of it. */
  witness(): string[];
}

export interface Entry {
  path: string;
  content?: string | Buffer;
  mode?: number;
  type?: "File" | "SymbolicLink" | "Link" | "Directory" | "CharacterDevice" | "BlockDevice" | "FIFO";
  linkpath?: string;
  /** What the header says, where that is a lie. */
  size?: number;
  /** The header's own letter, for kinds that have no name here. */
  typeflag?: string;
}

export async function openScene(): Promise<Scene> {
  const project = await makeProject();
  const closing = new AsyncDisposableStack();
  closing.use(project);
  let { config } = project;
  let made = 0;
  const place = (name: string): string => project.place(name);
  return {
    project,
    mark: place("mark"),
    place,
    folder: (name, files) => write(place(name), files),
    repository: (name, files) => makeRepository(place(name), files),
    forged: (entries) => forge(place(`forged-${(made += 1)}`), entries),
    archive(entries, end) {
      const file = place(`archive-${(made += 1)}.tgz`);
      write(place("."), { [`archive-${made}.tgz`]: archiveBytes(entries, end) });
      return file;
    },
    file(name, bytes) {
      write(place("."), { [name]: bytes });
      return place(name);
    },
    async serve(answer) {
      const server = createServer(answer);
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      closing.defer(async () => {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      });
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    async npm(packages) {
      return closing.use(await openRegistry(packages)).url;
    },
    async reconfigure(yaml) {
      write(project.folder, { "integration.yaml": yaml });
      return (config = await readConfig({ workspace: project.folder, env: {} }));
    },
    add: (source, options = {}) =>
      addPlugin({
        config,
        cwd: project.folder,
        source,
        consent: async () => true,
        env: { PATH: process.env["PATH"], HOME: place("home") },
        ...options,
      }),
    witness: () => [...project.snapshot(), ...outside(place("."), project.folder)],
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** A plugin that does nothing wrong. */
export const harmless = (name = "x", manifest = ""): Record<string, string> => pluginFiles(name, manifest);

/** As archive entries, under the folder that npm pack uses. */
export const packed = (files: Readonly<Record<string, string>> = harmless()): Entry[] =>
  Object.entries(files).map(([path, content]) => ({ path: `package/${path}`, content }));

// Caches of git and npm, and what is kept to save another download, may grow.
const mayGrow = /^(home\/|project\/\.xcore\/(cache|registries|install)|project\/\.xcore$)/;

function outside(root: string, projectFolder: string): string[] {
  if (!existsSync(projectFolder)) return [];
  return readdirSync(root, { recursive: true })
    .map(String)
    .filter((path) => !mayGrow.test(path) && path !== "home" && !path.includes("/.git/"))
    .filter((path) => !path.startsWith("project/.xcore/") && !path.endsWith("xcore.lock"))
    .map((path) => {
      const info = lstatSync(join(root, path));
      const what =
        info.isFile() && info.size < 100_000 ? readFileSync(join(root, path), "base64") : String(info.size);
      return `${path} ${(info.mode & 0o7777).toString(8)} ${info.isDirectory() ? "folder" : what}`;
    })
    .sort();
}

function archiveBytes(entries: readonly Entry[], end: Buffer = Buffer.alloc(1024)): Buffer {
  const blocks = entries.map(
    ({ path, content = "", mode = 0o644, type = "File", linkpath = "", size, typeflag }) => {
      const body = Buffer.from(content);
      const head = Buffer.alloc(512);
      const header = {
        path,
        mode,
        type,
        linkpath,
        size: size ?? body.length,
        mtime: new Date(0),
        uid: 0,
        gid: 0,
      };
      new Header(header).encode(head, 0);
      if (typeflag !== undefined) {
        head.write(typeflag, 156, 1, "latin1");
        head.write("        ", 148, 8, "latin1");
        const sum = head.reduce((total, byte) => total + byte, 0);
        head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8, "latin1");
      }
      return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
    },
  );
  return gzipSync(Buffer.concat([...blocks, end]), { level: 9 });
}

function forge(folder: string, entries: readonly [string, string, string][]): string {
  mkdirSync(folder);
  git(folder, "init", "-q", "-b", "main");
  const object = (type: string, input: Uint8Array | string): string =>
    execFileSync("git", ["hash-object", "-t", type, "-w", "--stdin", "--literally"], { cwd: folder, input })
      .toString()
      .trim();
  const lines = entries.map(([mode, path, content]) => {
    const id = mode === "160000" ? "1".repeat(40) : object("blob", content);
    return Buffer.concat([Buffer.from(`${mode} ${path}\0`), Buffer.from(id, "hex")]);
  });
  const tree = object("tree", Buffer.concat(lines));
  git(folder, "update-ref", "HEAD", git(folder, "commit-tree", tree, "-m", "forged"));
  return folder;
}

/** A repository whose tree unfolds into ten to the power of `depth` files. */
export function treeBomb(folder: string, depth: number): string {
  makeRepository(folder, { "plugin.yaml": "name: x\n" });
  const object = (type: string, input: Buffer): string =>
    execFileSync("git", ["hash-object", "-t", type, "-w", "--stdin"], { cwd: folder, input })
      .toString()
      .trim();
  let id = object("blob", Buffer.from("x"));
  for (let level = 0; level < depth; level += 1) {
    const mode = level === 0 ? "100644" : "40000";
    const entry = (at: number): Buffer =>
      Buffer.concat([Buffer.from(`${mode} ${at}\0`), Buffer.from(id, "hex")]);
    id = object("tree", Buffer.concat(Array.from({ length: 10 }, (_, at) => entry(at))));
  }
  git(folder, "update-ref", "HEAD", git(folder, "commit-tree", id, "-m", "bomb"));
  return folder;
}

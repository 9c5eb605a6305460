// Where the wall's own built files are.
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { packageFile } from "../base/package-root.ts";

/** The program of a sandbox host. */
export const hostProgram: string = packageFile("dist", "sandbox-host.js");

/** The script that is run first in every isolate. */
export const guestRuntime: string = packageFile("dist", "guest.js");

/** A JSON object of the texts that it runs only where they are needed. */
export const guestParts: string = packageFile("dist", "guest-parts.json");

/** The runtime of a trusted plugin, for the core's own process. */
export const trustedRuntime: string = packageFile("dist", "guest-trusted.js");

/** What a plugin may import of xcore, as files: the sources in a checkout, the built ones in the package. */
export function guestModules(): Readonly<Record<string, string>> {
  return { "xcore/plugin": guestModule("plugin-module"), "xcore/kysely": guestModule("kysely") };
}

function guestModule(name: string): string {
  const source = packageFile("src", "guest", `${name}.ts`);
  return existsSync(source) ? source : packageFile("dist", `${name}.js`);
}

/** Folders of xcore's own that such a module draws from. */
export function guestFolders(): readonly string[] {
  const kysely = dirname(createRequire(packageFile("package.json")).resolve("kysely"));
  return [dirname(guestModule("plugin-module")), packageFile("src", "wire"), kysely];
}

export interface HostFiles {
  readonly program: string;
  /** The folder of isolated-vm; the program loads it from there. */
  readonly isolatedVm: string;
  /** What the program reads while it starts; nothing else is readable to it. */
  readonly readable: readonly string[];
}

/** Real paths only: a process that may read a few files can't follow links (pnpm, npm link) through folders it may not. */
export function hostFiles(): HostFiles {
  const program = realpathSync(hostProgram);
  const isolatedVm = folderOf("isolated-vm", packageFile("package.json"));
  // isolated-vm finds its binary through node-gyp-build, which tells the C library by alpine's file.
  const loader = folderOf("node-gyp-build", join(isolatedVm, "package.json"));
  const manifest = realpathSync(packageFile("package.json"));
  return {
    program,
    isolatedVm,
    readable: [program, manifest, `${isolatedVm}/*`, `${loader}/*`, "/etc/alpine-release"],
  };
}

function folderOf(name: string, from: string): string {
  return dirname(createRequire(from).resolve(`${name}/package.json`));
}

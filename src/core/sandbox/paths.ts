// Where the wall's own built files are.
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { packageFile } from "../base/package-root.ts";

/** The program of a sandbox host. */
export const hostProgram: string = packageFile("dist", "sandbox-host.js");

/** The script that is run first in every isolate. */
export const guestRuntime: string = packageFile("dist", "guest.js");

/** The file that `xcore/plugin` means inside a bundle: the source in a checkout, the built file in the package. */
export function pluginModule(): string {
  const source = packageFile("src", "guest", "plugin-module.ts");
  return existsSync(source) ? source : packageFile("dist", "plugin-module.js");
}

/** What the host program reads while it starts; nothing else is readable to it. */
export function hostReadable(): string[] {
  const manifest = packageFile("package.json");
  const isolatedVm = createRequire(manifest).resolve("isolated-vm/package.json");
  // isolated-vm finds its binary through node-gyp-build, which tells the C library by alpine's file.
  const loader = createRequire(isolatedVm).resolve("node-gyp-build/package.json");
  const folders = [dirname(isolatedVm), dirname(loader)].flatMap(withRealPath);
  const files = [hostProgram, manifest].flatMap(withRealPath);
  return [...files, ...folders.map((folder) => `${folder}/*`), "/etc/alpine-release"];
}

function withRealPath(path: string): string[] {
  const real = existsSync(path) ? realpathSync(path) : path;
  return real === path ? [path] : [path, real];
}

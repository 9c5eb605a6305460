// Which files may become part of a plugin's bundle: its own, and packages from a node_modules folder.
import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import type { Plugin } from "esbuild";
import { guestFolders, guestModules } from "./paths.ts";

export interface BorderOptions {
  folder: string;
}

/** Refuses relative imports of the plugin's own files that leave its folder, where the line can be named. */
export function borders(options: BorderOptions): Plugin {
  return {
    name: "borders",
    setup(build) {
      const modules = guestModules();
      build.onResolve({ filter: /^xcore(\/.*)?$/ }, ({ path }) => {
        const file = modules[path];
        if (file !== undefined) return { path: file };
        const own = Object.keys(modules).join(" and ");
        return { errors: [{ text: `'${path}' belongs to the server; a plugin imports ${own} only` }] };
      });
      build.onResolve({ filter: /^(\.{0,2}\/|\.{1,2}$)/ }, ({ path, importer, kind }) => {
        if (kind === "entry-point" || !isInside(importer, options.folder)) return undefined;
        if (importer.slice(options.folder.length).includes(`${sep}node_modules${sep}`)) return undefined;
        const target = resolve(dirname(importer), path);
        if (isInside(target, options.folder)) return undefined;
        return { errors: [{ text: `'${path}' lies outside of the plugin's folder` }] };
      });
    },
  };
}

export interface InputBorders extends BorderOptions {
  roots: readonly string[];
  /** Packages come from the plugin's own node_modules only. */
  sealed: boolean;
}

/** Of the files that went in, those that should not have: reached by a link, a path in a package, a tsconfig. */
export async function inputsOutside(inputs: readonly string[], options: InputBorders): Promise<string[]> {
  const allowed = await Promise.all([options.folder, ...options.roots].map((root) => real(root)));
  const own = await Promise.all(guestFolders().map((folder) => real(folder)));
  const outside: string[] = [];
  for (const input of inputs) {
    const file = await real(resolve(options.folder, input));
    const known = [...allowed, ...own].some((root) => isInside(file, root));
    if (!known && (options.sealed || !file.includes(`${sep}node_modules${sep}`))) outside.push(input);
  }
  return outside;
}

function isInside(path: string, folder: string): boolean {
  const from = relative(folder, path);
  return from !== ".." && !from.startsWith(`..${sep}`) && !isAbsolute(from);
}

// Inputs that are no files (esbuild's own helpers, disabled packages) have no real path.
async function real(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    return path;
  }
}

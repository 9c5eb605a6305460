// The digest of what runs, and of whom it was built by: the same files and the same builder give the same bundle on every machine.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { version as esbuildVersion } from "esbuild";
import { packageVersion } from "../base/package-root.ts";
import { guestModules } from "./paths.ts";

/** `sha256-` and 64 hexadecimal digits. */
export function bundleDigest(code: string): string {
  // esbuild names each file it took in a comment; for those of xcore that is a path of this machine.
  const portable = code.replaceAll(/^ *\/\/ \.\.\/.*$/gm, "");
  return `sha256-${createHash("sha256").update(portable).digest("hex")}`;
}

let known: string | undefined;

/** Everything beside the plugin's files that its bundle depends on: `xcore 1.2.0 (1a2b3c4d), esbuild 0.28.2`. */
export function builderName(trusted = false): string {
  known ??= `xcore ${packageVersion()} (${guestDigest()}), esbuild ${esbuildVersion}`;
  return trusted ? `${known}, trusted` : known;
}

// What plugins import of xcore differs between its versions, and between a checkout of it and the package.
function guestDigest(): string {
  const hash = createHash("sha256");
  for (const file of Object.values(guestModules())) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 8);
}

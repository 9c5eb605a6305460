// Pieces of a source as people write it, and the one way to refuse it.
import { XcoreError } from "../../base/error.ts";
import { pathFault } from "./paths.ts";

/** Address, `//subfolder` and `#ref`. */
export function split(plain: string, text: string): { address: string; subfolder?: string; ref?: string } {
  const hash = plain.indexOf("#");
  const ref = hash === -1 ? undefined : plain.slice(hash + 1);
  if (ref !== undefined) checkRef(ref, text);
  const before = hash === -1 ? plain : plain.slice(0, hash);
  const from = /^[\w+.-]+:\/\//.exec(before)?.[0].length ?? 0;
  const at = before.indexOf("//", from === 0 ? 1 : from);
  const address = at === -1 ? before : before.slice(0, at);
  const subfolder = at === -1 ? undefined : before.slice(at + 2).replace(/\/+$/, "");
  if (subfolder !== undefined) checkSubfolder(subfolder, text);
  return {
    address,
    ...(subfolder === undefined ? {} : { subfolder }),
    ...(ref === undefined ? {} : { ref }),
  };
}

// The rules of git check-ref-format, and no name that reads as an option or an expression.
function checkRef(ref: string, text: string): void {
  const wrong =
    ref === "" ||
    ref.length > 200 ||
    /^[-/.]|[\s~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.lock$|\.$/.test(ref) ||
    ref === "@";
  if (wrong) throw invalid(text, `'${ref}' is no name of a branch or tag and no commit`);
}

export function checkSubfolder(subfolder: string, text: string): void {
  const fault = pathFault(subfolder);
  if (fault !== undefined) throw invalid(text, `the subfolder '${subfolder}' ${fault}`);
}

export const isArchive = (path: string): boolean => /\.(tgz|tar\.gz)$/i.test(path);

export function invalid(text: string, why: string, hint?: string): XcoreError {
  return new XcoreError("SOURCE_INVALID", `'${text.slice(0, 200)}' can't be installed from: ${why}`, {
    hint: hint ?? "Give a git address (https://…, ssh://…, git@host:path), a .tgz archive or a folder.",
  });
}

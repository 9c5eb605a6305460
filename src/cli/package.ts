// package.json of xcore as oclif wants it.
import { readFileSync } from "node:fs";
import type { PJSON } from "@oclif/core/interfaces";
import { packageFile } from "../core/base/package-root.ts";

export function readPackage(): PJSON {
  return JSON.parse(readFileSync(packageFile("package.json"), "utf8")) as PJSON;
}

// Type-checks everything that has a tsconfig: the core, the guest, and what plugin authors are shown (plugins/, templates/).
import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

const projects = [
  "tsconfig.json",
  "tsconfig.guest.json",
  ...globSync(["{plugins,templates,test/fixtures/plugins}/**/tsconfig.json"], {
    cwd: root,
    exclude: (name) => name.includes("node_modules"),
  }),
];

const outputs = await Promise.all(
  projects.map(async (project) => {
    try {
      await run("tsc", ["-p", project], { cwd: root });
      return "";
    } catch (error) {
      return error instanceof Error && "stdout" in error ? String(error.stdout) : String(error);
    }
  }),
);
process.stderr.write(outputs.join(""));
process.exitCode = outputs.some((output) => output !== "") ? 1 : 0;

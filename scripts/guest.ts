// Builds the script that is run first in every isolate, and the parts of it that an isolate loads when it needs them.
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Every isolate holds what it compiles. Names stay: they are in the errors that authors see. */
export const guestOptions = {
  absWorkingDir: root,
  bundle: true,
  logLevel: "warning",
  legalComments: "none",
  platform: "neutral",
  target: "es2024",
  mainFields: ["module", "main"],
  minifyWhitespace: true,
  minifySyntax: true,
} satisfies BuildOptions;

/** Writes the script to `runtime`, and to `parts` a JSON object of their texts by name. */
export async function buildGuestRuntime(files: { runtime: string; parts: string }): Promise<void> {
  const required = new Map<string, Set<string>>();
  await build({
    ...guestOptions,
    entryPoints: ["src/guest/main.ts"],
    outfile: files.runtime,
    format: "iife",
    plugins: [leaveOut(required)],
  });
  const texts = await Promise.all(
    [...required].map(async ([name, paths]) => [name, await partText(name, [...paths])] as const),
  );
  await writeFile(files.parts, JSON.stringify(Object.fromEntries(texts)));
}

/** In place of a package that the guest's own code requires stands a call that loads its part; notes which are required. */
function leaveOut(required: Map<string, Set<string>>): Plugin {
  const namespace = "guest-part";
  return {
    name: namespace,
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^[^./]/ }, ({ kind, path, importer }) =>
        kind === "require-call" && importer.startsWith(`${root}src/guest/`) ? { path, namespace } : undefined,
      );
      onLoad({ filter: /.*/, namespace }, ({ path }) => {
        const name = path.split("/", 1)[0] ?? path;
        required.set(name, (required.get(name) ?? new Set()).add(path));
        const access = `part(${JSON.stringify(name)})[${JSON.stringify(path)}]()`;
        return { contents: `module.exports = require("./src/guest/parts.ts").${access};`, resolveDir: root };
      });
    },
  };
}

/** An expression whose value is the table of loaders. */
async function partText(name: string, paths: readonly string[]): Promise<string> {
  const loaders = paths.map((path) => `${JSON.stringify(path)}: () => require(${JSON.stringify(path)})`);
  const { outputFiles } = await build({
    ...guestOptions,
    stdin: { contents: `module.exports = { ${loaders.join(", ")} };`, resolveDir: root },
    write: false,
    format: "iife",
    globalName: "__part",
  });
  return `(()=>{${outputFiles[0]?.text ?? ""}return __part})()\n//# sourceURL=xcore:///${name}.js`;
}

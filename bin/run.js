#!/usr/bin/env node
// The command line as installed. Parses on Node 18; answers what is asked most before anything heavy is loaded.
import { existsSync, readFileSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const oldestNode = 24;
const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));
const argv = process.argv.slice(2);

// A reader that has seen enough (`xcore --help | head -1`) is no error.
process.stdout.on("error", (error) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
  throw error;
});

if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-v")) {
  const { version } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
  process.stdout.write(`xcore/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
} else if (Number.parseInt(process.versions.node, 10) < oldestNode) {
  await runOnPinnedNode();
} else if (!existsSync(join(packageFolder, "dist"))) {
  process.stderr.write(`xcore is not built yet: run \`npm run build\` in ${packageFolder}.\n`);
  process.exit(69);
} else {
  module.enableCompileCache();
  await runHere();
}

async function runHere() {
  const json = argv[1] === "--json";
  if (argv[0] === "status" && (argv.length === 1 || (argv.length === 2 && json))) {
    const { fastStatus } = await import("../dist/fast-status.js");
    await fastStatus({ json });
  } else {
    const { main } = await import("../dist/cli.js");
    await main(argv, { development: false });
  }
  // Whatever a command left open must not keep the terminal waiting; what it wrote is flushed first.
  process.stdout.write("", () => process.exit());
}

// `env node` in the first line finds the machine's own Node, which may be older than the one the project has installed.
async function runOnPinnedNode() {
  const pinned = process.env.XCORE_NODE_TRIED === undefined ? findPinnedNode() : undefined;
  if (pinned === undefined) {
    process.stderr.write(
      `xcore needs Node ${oldestNode} or newer and this is ${process.version}: install a newer one, ` +
        "or put one into the project with `npm install --save-dev node@26`.\n",
    );
    process.exit(69);
  }
  const { spawn } = await import("node:child_process");
  const child = spawn(pinned, [fileURLToPath(import.meta.url), ...argv], {
    stdio: "inherit",
    env: { ...process.env, XCORE_NODE_TRIED: "1" },
  });
  // A terminal's Ctrl-C reaches the child by itself; sent on once more it would count as a second one.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function findPinnedNode() {
  for (const start of [process.cwd(), packageFolder]) {
    for (let folder = start; ; folder = dirname(folder)) {
      const binary = join(folder, "node_modules", "node", "bin", "node");
      if (existsSync(binary)) return binary;
      if (folder === dirname(folder)) break;
    }
  }
  return undefined;
}

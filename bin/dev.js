#!/usr/bin/env node
// xcore from its sources, through Node's own type stripping: node bin/dev.js <command>.
process.stdout.on("error", (error) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
  throw error;
});
const { main } = await import("../src/main.ts");
await main(process.argv.slice(2), { development: true });
process.stdout.write("", () => process.exit());

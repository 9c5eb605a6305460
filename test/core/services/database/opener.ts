// A process of its own that opens the embedded database of a project, says so, and closes it when its stdin ends.
import { openEmbedded } from "../../../../src/core/services/database/embedded/server.ts";
import { silentLogger } from "../../../../src/core/base/log.ts";

const workspace = process.argv[2] ?? "";
const server = await openEmbedded({
  service: "database",
  workspace,
  stateFolder: `${workspace}/.xcore`,
  logger: silentLogger,
});
process.stdout.write(`${server.arrival}\n`);
process.stdin.resume();
process.stdin.once("end", () => void server[Symbol.asyncDispose]());

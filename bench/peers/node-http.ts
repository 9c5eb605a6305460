// Runs the floor as a process of its own.
import type { AddressInfo } from "node:net";
import { nodeServer } from "./node-server.ts";

const server = nodeServer().listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once("SIGTERM", () => process.exit(0));

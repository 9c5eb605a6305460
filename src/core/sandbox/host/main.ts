// The program of a sandbox host: speaks with the core over the socket it was born with, and ends when that closes.
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { FrameLink } from "../frame-link.ts";
import { Progress } from "./progress.ts";
import { Station } from "./station.ts";

const die = (reason: string): never => {
  writeSync(2, `${reason}\n`);
  process.kill(process.pid, "SIGKILL");
  throw new Error(reason);
};

// A terminal's Ctrl-C and a service manager's SIGTERM reach the whole group; when to end is the core's decision.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("uncaughtException", (error) => die(error.stack ?? error.message));

const link: FrameLink = new FrameLink(new Socket({ fd: 3, readable: true, writable: true }), {
  onFrames: (frames) => station.onFrames(frames),
  onDrain: () => station.onDrain(),
  // process.exit() would wait for an isolate that is stuck.
  onClose: (fault) => (fault === undefined ? process.kill(process.pid, "SIGKILL") : die(fault.message)),
});
const station = new Station({ link, progress: new Progress(), die });

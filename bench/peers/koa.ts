// The peer without a wall: the same handlers in plain Koa.
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import Koa from "koa";
import { greeting, work } from "./handlers.ts";

const app = new Koa();
app.use(async (ctx) => {
  if (ctx.path === "/") ctx.body = greeting;
  else if (ctx.path === "/echo") ctx.body = JSON.parse(await text(ctx.req)) as unknown;
  else if (ctx.path === "/work") ctx.body = work(Number(ctx.query["turns"]));
});
const server = app.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once("SIGTERM", () => process.exit(0));

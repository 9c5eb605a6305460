// The peer without a wall: the same query by pg in plain Koa. argv: the folder of the server's socket.
import type { AddressInfo } from "node:net";
import Koa from "koa";
import { Pool } from "pg";

const pool = new Pool({ host: process.argv[2], user: "xcore", database: "xcore", max: 10 });
let last = 0;
const app = new Koa();
app.use(async (ctx) => {
  last = (last % 1000) + 1;
  const { rows } = await pool.query(
    "select id, title, created_at from plugin_bench.notes where id between $1 and $1 + $2",
    [last, ctx.path === "/many" ? 99 : 0],
  );
  ctx.body = rows;
});
const server = app.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once("SIGTERM", () => process.exit(0));

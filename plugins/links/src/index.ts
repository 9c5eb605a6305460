// Short links as a Hono app: POST / makes one, GET /:slug follows it, GET /:slug/stats counts.
import { Hono } from "hono";
import { definePlugin, type Context } from "xcore/plugin";

const app = new Hono<{ Bindings: Context }>();

app.get("/", (c) => c.json({ usage: 'POST / with {"url": "https://…"} makes a short link.' }));

app.post("/", async (c) => {
  const { url } = await c.req.json<{ url?: unknown }>().catch(() => ({ url: undefined }));
  const target = typeof url === "string" ? URL.parse(url) : null;
  if (target === null || !/^https?:$/.test(target.protocol)) {
    return c.json({ title: "url must be an http or https address" }, 422);
  }
  const slug = crypto.randomUUID().slice(0, 8);
  await c.env.db.sql`insert into links (slug, target) values (${slug}, ${target.href})`;
  return c.json({ slug, target: target.href }, 201);
});

app.get("/:slug", async (c) => {
  const [link] = await c.env.db.sql<{ target: string }>`
    update links set visits = visits + 1 where slug = ${c.req.param("slug")} returning target`;
  return link === undefined ? c.notFound() : c.redirect(link.target, 302);
});

app.get("/:slug/stats", async (c) => {
  const [link] = await c.env.db
    .sql`select slug, target, visits from links where slug = ${c.req.param("slug")}`;
  return link === undefined ? c.notFound() : c.json(link);
});

app.notFound((c) => c.json({ title: "There is no such link" }, 404));

export default definePlugin({ fetch: app.fetch });

// Notes: routes over an own schema, a cached list, validation by zod, events, and a digest sent through the mailer.
import { definePlugin } from "xcore/plugin";
import { NewNote, type Note } from "./note.ts";

const latest = "latest";

export default definePlugin({
  publishes: {
    "note.created": {
      type: "object",
      required: ["id", "title"],
      properties: { id: { type: ["integer", "null"] }, title: { type: "string" } },
    },
    "note.removed": { type: "object", required: ["id"], properties: { id: { type: "integer" } } },
  },

  routes: {
    "GET /": (_request, { db, cache }) =>
      cache.getOrSet(
        latest,
        () => db.sql<Note>`select * from notes order by created_at desc, id desc limit 50`,
        {
          ttlMs: 60_000,
        },
      ),

    "GET /:id": async (_request, { db, params }) => {
      const [note] = await db.sql<Note>`select * from notes where id = ${idOf(params["id"])}`;
      return note ?? notFound();
    },

    "POST /": async (request, { db, cache, events }) => {
      const input = NewNote.safeParse(await request.json().catch(() => undefined));
      if (!input.success) {
        return Response.json({ title: "The note is not valid", issues: input.error.issues }, { status: 422 });
      }
      const { title, body, tags } = input.data;
      const [note] = await db.sql<Note>`
        insert into notes (title, body, tags) values (${title}, ${body}, ${tags}) returning *`;
      await cache.delete(latest);
      await events.publish("note.created", { id: note?.id ?? null, title });
      return Response.json(note, { status: 201, headers: { location: `./${note?.id}` } });
    },

    "DELETE /:id": async (_request, { db, cache, events, params }) => {
      const id = idOf(params["id"]);
      const removed = await db.sql`delete from notes where id = ${id} returning id`;
      if (removed.length === 0) return notFound();
      await cache.delete(latest);
      await events.publish("note.removed", { id });
      return undefined;
    },

    "GET /activity": (_request, { db }) =>
      db.sql`select day, created, removed from activity order by day desc limit 30`,
  },

  actions: {
    count: {
      input: { type: "object", additionalProperties: false },
      run: async (_input, { db }) => {
        const [row] = await db.sql<{ count: number }>`select count(*)::int as count from notes`;
        return row?.count ?? 0;
      },
    },
  },

  events: {
    "note.created": async (_event, { db }) => {
      await db.sql`
        insert into activity (day, created) values (current_date, 1)
        on conflict (day) do update set created = activity.created + 1`;
    },
    "note.removed": async (_event, { db }) => {
      await db.sql`
        insert into activity (day, removed) values (current_date, 1)
        on conflict (day) do update set removed = activity.removed + 1`;
    },
  },

  jobs: {
    digest: {
      every: "1 hour",
      run: async (_data, { db, call, config, log }) => {
        const notes = await db.sql<Note>`
          select * from notes where created_at > now() - interval '1 hour' order by created_at`;
        if (notes.length === 0) return { sent: false };
        await call("mailer.send", {
          to: config.digestTo,
          subject: `${notes.length} new notes`,
          text: notes.map((note) => `- ${note.title}`).join("\n"),
        });
        log.info("digest sent", { notes: notes.length });
        return { sent: true };
      },
    },
  },
});

/** Ids are positive integers; anything else names no note. */
function idOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

function notFound(): Response {
  return Response.json({ title: "There is no such note" }, { status: 404 });
}

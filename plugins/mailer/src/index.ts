// An outbox: plugins put mail in with the action `send`, a relay collects it over HTTP and confirms what it delivered.
import { definePlugin } from "xcore/plugin";

interface Mail {
  id: number;
  sender: string;
  recipient: string;
  subject: string;
  text: string;
  created_at: string;
}

export default definePlugin({
  actions: {
    send: {
      description: "Puts a mail into the outbox; returns its id.",
      input: {
        type: "object",
        required: ["to", "subject", "text"],
        additionalProperties: false,
        properties: {
          to: { type: "string", pattern: "^[^@\\s]+@[^@\\s]+$", maxLength: 320 },
          subject: { type: "string", minLength: 1, maxLength: 200, pattern: "^[^\\r\\n]*$" },
          text: { type: "string", maxLength: 100_000 },
        },
      },
      output: { type: "object", required: ["id"], properties: { id: { type: ["integer", "null"] } } },
      run: async ({ to, subject, text }, { db, config }) => {
        const [mail] = await db.sql<{ id: number }>`
          insert into outbox (sender, recipient, subject, text)
          values (${config.from}, ${to}, ${subject}, ${text}) returning id`;
        return { id: mail?.id ?? null };
      },
    },
  },

  routes: {
    "GET /outbox": (_request, { db }) =>
      db.sql<Mail>`
        select id, sender, recipient, subject, text, created_at from outbox
        where sent_at is null order by id limit 100`,

    "POST /outbox/:id/sent": async (_request, { db, params }) => {
      const id = /^\d{1,15}$/.test(params["id"] ?? "") ? Number(params["id"]) : 0;
      const marked = await db.sql`
        update outbox set sent_at = now() where id = ${id} and sent_at is null returning id`;
      return marked.length > 0
        ? undefined
        : Response.json({ title: "There is no such mail in the outbox" }, { status: 404 });
    },
  },
});

// GET / lists the entries, POST / adds one, a job removes old ones.
import { HttpError, definePlugin } from "xcore/plugin";

interface Entry {
  id: number;
  author: string;
  message: string;
  created_at: string;
}

export default definePlugin({
  routes: {
    "GET /": (_request, { db }) => db.sql<Entry>`select * from entries order by id desc limit 100`,

    "POST /": async (request, { db, log }) => {
      const { author, message } = fieldsOf(await request.json().catch(() => undefined));
      if (author === "" || message === "") throw new HttpError(422, "author and message must be text");
      const [entry] = await db.sql<Entry>`
        insert into entries (author, message) values (${author}, ${message}) returning *`;
      log.info("entry added", { author });
      return Response.json(entry, { status: 201 });
    },
  },

  jobs: {
    cleanup: {
      every: "1 day",
      run: async (_data, { db, config }) => {
        const removed = await db.sql`
          delete from entries where created_at < now() - make_interval(days => ${config.keepDays}) returning id`;
        return { removed: removed.length };
      },
    },
  },
});

/** What a client sends is of any shape. */
function fieldsOf(body: unknown): { author: string; message: string } {
  const { author, message } = Object(body) as Record<string, unknown>;
  return {
    author: typeof author === "string" ? author.trim() : "",
    message: typeof message === "string" ? message.trim() : "",
  };
}

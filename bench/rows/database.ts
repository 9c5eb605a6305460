// Queries through ctx.db in a sandboxed route against pg in plain Koa, on the same Postgres.
import { join } from "node:path";
import { silentLogger } from "../../src/core/base/log.ts";
import { packageFile } from "../../src/core/base/package-root.ts";
import { openEmbedded } from "../../src/core/services/database/embedded/server.ts";
import { compare } from "../compare.ts";
import type { Family, Plan } from "../plan.ts";
import { startSubject } from "../subject.ts";
import type { Row } from "../table.ts";
import { integration, makeWorkspace, plugin, serve } from "../workspace.ts";

export const database: Family = { name: "database", run };

const route = (more: number): string => `(request, { db }) => {
  last = (last % 1000) + 1;
  return db.sql\`select id, title, created_at from notes where id between \${last} and \${last} + \${${more}}::int\`;
}`;
const files = {
  "integration.yaml": integration("services: { database: { driver: embedded, pluginConnections: 10 } }\n"),
  ...plugin(
    "bench",
    `let last = 0;\nexport default definePlugin({ routes: { "GET /": ${route(0)}, "GET /many": ${route(99)} } });`,
    "permissions: { database: true }\nlimits: { memory: 256mb }\n",
  ),
  "plugins/bench/migrations/0001_notes.sql": `create table notes (id int primary key, title text not null, created_at timestamptz not null default now());
insert into notes select i, 'note number ' || i from generate_series(1, 1100) i;`,
};

async function* run(plan: Plan): AsyncGenerator<Row[]> {
  await using stack = new AsyncDisposableStack();
  const workspace = stack.use(await makeWorkspace(files));
  // Opened here, so that its CPU time counts for neither.
  const postgres = stack.use(
    await openEmbedded({
      service: "database",
      workspace: workspace.folder,
      stateFolder: join(workspace.folder, ".xcore"),
      logger: silentLogger,
    }),
  );
  const xcore = stack.use(await serve(workspace));
  const koa = stack.use(
    await startSubject({
      name: "koa",
      cwd: workspace.folder,
      args: [packageFile("bench/peers/koa-pg.ts"), postgres.connection.host],
    }),
  );
  for (const { path, title } of [
    { path: "", title: "one row" },
    { path: "many", title: "100 rows" },
  ]) {
    for (const connections of [50, 1]) {
      plan.say(`${title}, ${connections} connection(s)`);
      const targets = [
        { subject: koa, path: `/${path}` },
        { subject: xcore, path: `/app/bench/${path}` },
      ];
      const figures = await compare(targets, { connections }, plan);
      const what = `ctx.db against pg in koa, ${title}, ${connections} connection${connections === 1 ? "" : "s"}`;
      const both = (key: "perSecond" | "cpuUs"): string =>
        `koa ${Math.round(figures.of("koa", key)).toLocaleString("en")}, xcore ${Math.round(figures.of("xcore", key)).toLocaleString("en")}`;
      yield [
        {
          what: `${what}: queries/s`,
          value: figures.ratio("xcore", "koa", "perSecond"),
          unit: "x",
          ...(connections === 50 ? { goal: { atLeast: 0.7 } } : {}),
          measured: both("perSecond"),
        },
        {
          what: `${what}: CPU per query`,
          value: figures.ratio("xcore", "koa", "cpuUs"),
          unit: "x",
          measured: `${both("cpuUs")} us`,
        },
      ];
    }
  }
}

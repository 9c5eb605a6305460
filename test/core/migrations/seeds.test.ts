// Seeds of the application and of a plugin on a real database.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../../src/core/config/read.ts";
import { silentLogger } from "../../../src/core/base/log.ts";
import { openMigrations } from "../../../src/core/migrations/session.ts";
import { testWorkspace } from "../../support/workspace.ts";

const entities = `import { defineEntity, p } from "xcore/orm";
export const User = defineEntity({ name: "User", tableName: "users", properties: { id: p.integer().primary(), email: p.string() } });
`;
const code = `import type { EntityManager } from "xcore/orm";
import { User } from "../entities.ts";
export default async (em: EntityManager) => { await em.upsert(User, { id: 2, email: "grace@example.com" }); };
`;

test("seeds run by name, each in one transaction, as who owns the tables; again and again", async () => {
  await using workspace = await testWorkspace({
    "integration.yaml": "name: test\nmigrations: { entities: [entities.ts] }\n",
    "package.json": '{ "type": "module" }',
    "entities.ts": entities,
    "seeds/1_users.sql":
      "insert into users values (1, 'ada@example.com; or so') on conflict do nothing;\nselect 1;",
    "seeds/2_more.ts": code,
    "seeds/readme.md": "not a seed",
    "plugins/links/seeds/1_links.sql":
      "insert into links (slug, target) values ('x', 'https://example.com') on conflict do nothing",
  });
  await workspace.copyPlugin("links");
  const config = await readConfig({ workspace: workspace.folder });
  await using session = await openMigrations(config, silentLogger);
  await assert.rejects(session.seed("links"), { code: "MIGRATION_PENDING", message: /0001_create_links/ });
  await session.create(undefined, { name: "users", empty: false });
  for (const target of session.all) await target.up();
  const all = [
    { target: "application", files: ["1_users.sql", "2_more.ts"] },
    { target: "links", files: ["1_links.sql"] },
  ];
  assert.deepEqual(await session.seed(undefined), all);
  assert.deepEqual(await session.seed(undefined), all);
  assert.deepEqual(await session.seed("links"), all.slice(1));
  const { rows } = await session.database.pool.query("select email from users order by id");
  assert.deepEqual(rows, [{ email: "ada@example.com; or so" }, { email: "grace@example.com" }]);

  await workspace.write(
    "seeds/3_wrong.sql",
    "insert into users values (3, 'x');\n\ninsert into nowhere values (1);",
  );
  await assert.rejects(session.seed(undefined), {
    code: "MIGRATION_FAILED",
    message: /seed of the application failed, .*3_wrong\.sql:3: relation "nowhere" does not exist/,
    hint: /xcore db seed/,
  });
  await workspace.write("plugins/links/seeds/2_reach.sql", "insert into public.users values (9, 'x')");
  await assert.rejects(session.seed("links"), { message: /2_reach\.sql:1: permission denied/ });
  const { rowCount } = await session.database.pool.query("select from users");
  assert.equal(rowCount, 2);
});

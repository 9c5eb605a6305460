// The application's own tables. After a change: npx xcore migrate create <name>
import { defineEntity, p, type InferEntity } from "xcore/orm";

export const Account = defineEntity({
  name: "Account",
  tableName: "account",
  properties: {
    id: p.bigint("number").primary().autoincrement(),
    email: p.string().unique(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
});

export type Account = InferEntity<typeof Account>;

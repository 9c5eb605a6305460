// The door for an application's entities and migrations: `import { defineEntity, p, Migration } from "xcore/orm"`.
// MikroORM as xcore brings it, so that a project needs no package beside xcore and never has a second copy.
export * from "@mikro-orm/core";
export { Migration } from "@mikro-orm/migrations";
export type { EntityManager } from "@mikro-orm/postgresql";

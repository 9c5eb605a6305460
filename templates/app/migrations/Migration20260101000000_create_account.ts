// Creates the tables of app/entities.ts.
import { Migration } from "xcore/orm";

export class Migration20260101000000_create_account extends Migration {
  override up(): void {
    this.addSql(`create table "account" (
      "id" bigserial primary key,
      "email" varchar(255) not null,
      "created_at" timestamptz not null default now()
    )`);
    this.addSql(`alter table "account" add constraint "account_email_unique" unique ("email")`);
  }

  override down(): void {
    this.addSql(`drop table if exists "account" cascade`);
  }
}

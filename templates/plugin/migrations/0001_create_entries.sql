-- migrate:up
create table entries (
  id bigint generated always as identity primary key,
  author text not null,
  message text not null,
  created_at timestamptz not null default now()
);
create index entries_created_at on entries (created_at);

-- migrate:down
drop table entries;

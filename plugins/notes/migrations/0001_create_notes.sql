-- migrate:up
create table notes (
  id bigint generated always as identity primary key,
  title text not null,
  body text not null default '',
  tags text[] not null default '{}',
  created_at timestamptz not null default now()
);
create index notes_created_at on notes (created_at desc);

create table activity (
  day date primary key,
  created integer not null default 0,
  removed integer not null default 0
);

-- migrate:down
drop table activity;
drop table notes;

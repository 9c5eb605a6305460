-- migrate:up
create table links (
  slug text primary key,
  target text not null,
  visits integer not null default 0,
  created_at timestamptz not null default now()
);

-- migrate:down
drop table links;

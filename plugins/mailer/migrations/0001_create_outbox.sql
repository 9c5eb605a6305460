-- migrate:up
create table outbox (
  id bigint generated always as identity primary key,
  sender text not null,
  recipient text not null,
  subject text not null,
  text text not null,
  created_at timestamptz not null default now(),
  sent_at timestamptz
);
create index outbox_waiting on outbox (id) where sent_at is null;

-- migrate:down
drop table outbox;

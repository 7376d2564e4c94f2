import { outboxMigration } from '@flywheel/kafka';
import type { Migration } from '@flywheel/storage';

export const migrations: readonly Migration[] = [
  {
    name: '0001-create-jobs',
    sql: `
      create table jobs (
        id text primary key,
        run_key text,
        state text not null,
        experiment text,
        register_as text,
        rebuild boolean not null default false,
        job jsonb not null,
        created_at timestamptz not null default now()
      );
      create index jobs_by_run_key on jobs (run_key);
      create table studies (
        id text primary key,
        state text not null,
        request jsonb not null,
        study jsonb not null,
        created_at timestamptz not null default now()
      );`,
  },
  outboxMigration('0002-create-outbox'),
  {
    name: '0003-key-studies-by-request',
    sql: `
      alter table studies add column request_key text;
      create unique index one_study_by_request on studies (request_key) where state in ('running', 'succeeded');`,
  },
];

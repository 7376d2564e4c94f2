import { outboxMigration } from '@flywheel/kafka';
import type { Migration } from '@flywheel/storage';

export const migrations: readonly Migration[] = [
  {
    name: '0001-create-catalog',
    sql: `
      create table datasets (
        name text primary key,
        description text not null default '',
        owner text not null default '',
        tags jsonb not null default '[]',
        key_columns jsonb not null default '[]',
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      );
      create table batches (
        id text primary key,
        dataset text not null,
        state text not null,
        reply jsonb,
        started_at timestamptz not null default now()
      );
      create table snapshots (
        id text primary key,
        dataset text not null,
        snapshot jsonb not null
      );`,
  },
  outboxMigration('0002-create-outbox'),
];

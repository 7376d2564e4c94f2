import { outboxMigration } from '@flywheel/kafka';
import type { Migration } from '@flywheel/storage';

export const migrations: readonly Migration[] = [
  {
    name: '0001-create-definitions',
    sql: `
      create table definitions (
        kind text not null,
        name text not null,
        version int not null,
        hash text not null,
        definition jsonb not null,
        primary key (kind, name)
      );
      create table training_sets (
        id text primary key,
        recipe text not null unique,
        state text not null,
        training_set jsonb not null
      );`,
  },
  outboxMigration('0002-create-outbox'),
];

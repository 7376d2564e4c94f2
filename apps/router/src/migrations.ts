import { sinkOffsetsMigration } from '@flywheel/kafka';
import type { Migration } from '@flywheel/storage';

export const migrations: readonly Migration[] = [
  {
    name: '0001-create-shadow-books',
    sql: `
      create table shadow_books (
        endpoint text not null,
        variant text not null,
        status text not null,
        reason text not null,
        count bigint not null,
        primary key (endpoint, variant, status, reason)
      );`,
  },
  sinkOffsetsMigration('0002-create-sink-offsets'),
];

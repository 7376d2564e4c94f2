import { type Migration, type SqlTransaction, checkTableName } from './sql.ts';

export function inboxMigration(name: string, table = 'inbox'): Migration {
  checkTableName(table);
  return {
    name,
    sql: `
create table ${table} (
  consumer_group text not null,
  event_id text not null,
  received_at timestamptz not null default now(),
  primary key (consumer_group, event_id)
);
create index ${table}_age on ${table} (received_at);`,
  };
}

/** Remembers events by id in the transaction that has their effect, for handlers without a natural key. */
export type Inbox = {
  /** True for the first time only. A concurrent transaction with the same event waits for this one. */
  isNew(tx: SqlTransaction, group: string, eventId: string): Promise<boolean>;
  /** Forgets what is older; keep longer than anything may be replayed. Gives how many. */
  prune(tx: SqlTransaction, olderThanDays: number): Promise<number>;
};

export function createInbox(table = 'inbox'): Inbox {
  checkTableName(table);
  return {
    isNew: async (tx, group, eventId) => {
      const rows = await tx.query(
        `insert into ${table} (consumer_group, event_id) values ($1, $2)
         on conflict do nothing returning event_id`,
        [group, eventId],
      );
      return rows.length > 0;
    },
    prune: async (tx, olderThanDays) => {
      const rows = await tx.query(
        `delete from ${table} where received_at < now() - make_interval(days => $1) returning event_id`,
        [olderThanDays],
      );
      return rows.length;
    },
  };
}

import { type Migration, type Sql, type SqlTransaction, checkTableName } from './sql.ts';

/** Whose offset it is. */
export type SinkPlace = {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
};

export function sinkOffsetsMigration(name: string, table = 'sink_offsets'): Migration {
  checkTableName(table);
  return {
    name,
    sql: `
create table ${table} (
  consumer_group text not null,
  topic text not null,
  partition int not null,
  next_offset text not null,
  primary key (consumer_group, topic, partition)
);`,
  };
}

/**
 * Offsets kept where the effects are, in the same transaction: then every event has its effect exactly once, whatever
 * dies when. (Offsets are kept as text, because drivers round big integers.)
 */
export type SinkOffsets = {
  /** For `startAt` of a batch subscription. */
  next(sql: Pick<Sql, 'query'>, place: SinkPlace): Promise<bigint | undefined>;
  /**
   * Moves the offset past a batch (`first` and `last` of its events) and gives the offset from which the events have
   * no effect yet: apply those at or above it, in the same transaction. Another member that is at it too waits.
   */
  advance(
    tx: SqlTransaction,
    place: SinkPlace,
    batch: { readonly first: bigint; readonly last: bigint },
  ): Promise<bigint>;
};

export function createSinkOffsets(table = 'sink_offsets'): SinkOffsets {
  checkTableName(table);
  const where = 'consumer_group = $1 and topic = $2 and partition = $3';
  return {
    next: async (sql, { group, topic, partition }) => {
      const [row] = await sql.query<{ next_offset: string }>(
        `select next_offset from ${table} where ${where}`,
        [group, topic, partition],
      );
      return row && BigInt(row.next_offset);
    },
    advance: async (tx, { group, topic, partition }, { first, last }) => {
      const place = [group, topic, partition];
      for (;;) {
        // Almost always this one statement is all.
        const [moved] = await tx.query<{ before: string }>(
          `update ${table} set next_offset = $4
           from (select next_offset as before from ${table} where ${where} for update) as stored
           where ${where} and before::numeric < $4::numeric returning before`,
          [...place, String(last + 1n)],
        );
        if (moved) return later(BigInt(moved.before), first);
        const added = await tx.query(
          `insert into ${table} (consumer_group, topic, partition, next_offset) values ($1, $2, $3, $4)
           on conflict do nothing returning next_offset`,
          [...place, String(last + 1n)],
        );
        if (added.length > 0) return first;
        const [stored] = await tx.query<{ next_offset: string }>(
          `select next_offset from ${table} where ${where}`,
          place,
        );
        const next = stored && BigInt(stored.next_offset);
        if (next !== undefined && next > last) return next;
      }
    },
  };
}

function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

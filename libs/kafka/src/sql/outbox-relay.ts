import type { Bus } from '../bus-types.ts';
import type { Outgoing } from '../publishing/lane.ts';
import type { Sql } from './sql.ts';

const batchRows = 500;
const leaseSeconds = 10;
/** Sending ends before the lease does, so that a relay that was frozen cannot publish behind its successor. */
const sendWithinMs = 7000;

type Row = {
  /** Null in the only row of an empty table. */
  id: string | null;
  aggregatetype: string;
  aggregateid: string;
  headers: string;
  payload: string | null;
  is_ready: boolean;
};

export type RelayParts = {
  readonly sql: Sql;
  readonly bus: Pick<Bus, 'send'>;
  readonly table: string;
  readonly instance: string;
  readonly signal: AbortSignal;
};

/**
 * One pass. `published`: there may be more. `blocked`: there is something, but a transaction that began before it is
 * still open, or another process relays. `empty`: nothing to do.
 *
 * Numbers are drawn before transactions commit, so a row may become visible behind rows with greater ones. Therefore
 * only rows of transactions older than every open one are taken, in the order (xid, seq); what is published is deleted.
 */
export async function relayOnce(parts: RelayParts): Promise<'published' | 'blocked' | 'empty'> {
  const { sql, bus, table, instance, signal } = parts;
  const [any] = await sql.query(`select 1 as one from ${table} limit 1`);
  if (!any) return 'empty';
  const leasedAtMs = performance.now();
  const rows = await leaseAndRead(parts);
  if (rows.length === 0) return 'blocked';
  const ready = readyRows(rows);
  try {
    if (ready.length > 0 && !signal.aborted) {
      const timeoutMs = sendWithinMs - (performance.now() - leasedAtMs);
      await bus.send(ready.map(toRecord), { timeoutMs });
    }
  } catch (error) {
    await giveBack(sql, { table, instance, ids: [] }).catch(() => undefined);
    throw error;
  }
  const ids = signal.aborted ? [] : ready.map(({ id }) => id);
  await giveBack(sql, { table, instance, ids });
  if (ids.length > 0) return 'published';
  return rows.some(({ id }) => id !== null) ? 'blocked' : 'empty';
}

/** No row: another process has the lease. */
function leaseAndRead({ sql, table, instance }: RelayParts): Promise<Row[]> {
  return sql.query<Row>(
    `with lease as (
       insert into ${table}_relay (holder, held_until)
       values ($1, clock_timestamp() + interval '${leaseSeconds} seconds')
       on conflict (only_row) do update
         set holder = excluded.holder, held_until = excluded.held_until
         where ${table}_relay.holder = excluded.holder
            or ${table}_relay.held_until < clock_timestamp()
       returning holder
     )
     select due.* from lease left join lateral (
       select id, aggregatetype, aggregateid, headers, payload,
              xid < pg_snapshot_xmin(pg_current_snapshot()) as is_ready
       from ${table} order by xid, seq limit ${batchRows}
     ) due on true`,
    [instance],
  );
}

/** What was published goes, and the lease with it. */
async function giveBack(
  sql: Sql,
  { table, instance, ids }: { table: string; instance: string; ids: readonly (string | null)[] },
): Promise<void> {
  await sql.query(
    `with gone as (delete from ${table} where id = any($2::uuid[]))
     delete from ${table}_relay where holder = $1`,
    [instance, ids],
  );
}

function readyRows(rows: readonly Row[]): Row[] {
  const firstBlocked = rows.findIndex(({ id, is_ready: isReady }) => id === null || !isReady);
  return firstBlocked === -1 ? [...rows] : rows.slice(0, firstBlocked);
}

function toRecord({ aggregatetype, aggregateid, headers, payload }: Row): Outgoing {
  return {
    topic: aggregatetype,
    key: aggregateid,
    value: payload,
    headers: JSON.parse(headers) as Record<string, string>,
  };
}

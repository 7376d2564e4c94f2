import type { SqlTransaction } from '@flywheel/storage';
import { readInt64 } from '../wire/int64.ts';
import { latestByKey } from './point.ts';
import type { Point } from './point.ts';

/**
 * Writes points into the history of a run and brings its latest values up to date, in one statement for any number.
 * Points that are there already are passed over. Gives the new ones.
 */
export async function logMetrics(
  tx: SqlTransaction,
  run: number,
  points: readonly Point[],
): Promise<readonly Point[]> {
  if (points.length === 0) return [];
  const latest = [...latestByKey(points).values()];
  const [counted] = await tx.query<{ inserted: number; found: string[] | null }>(statement, [
    run,
    ...columns(latest),
    ...columns(points),
    points.length,
  ]);
  if (counted === undefined || counted.inserted === 0) return [];
  return counted.found === null ? points : counted.found.map(readPoint);
}

/**
 * Rows of `series` come first, so that the points know their ids. An update that changes nothing is needed to get the
 * id of a row that is there. Only if some points were not new are the new ones told one by one.
 */
const statement = `
  with latest as (
    insert into series as s (run, key, value, timestamp_ms, step)
    select $1::bigint, * from unnest($2::text[], $3::float8[], $4::bigint[], $5::bigint[])
    on conflict (run, key) do update set
      value = case when ${isLater()} then excluded.value else s.value end,
      timestamp_ms = case when ${isLater()} then excluded.timestamp_ms else s.timestamp_ms end,
      step = case when ${isLater()} then excluded.step else s.step end
    returning id, key
  ), inserted as (
    insert into points (series, timestamp_ms, step, value)
    select latest.id, given.timestamp_ms, given.step, given.value
    from unnest($6::text[], $7::float8[], $8::bigint[], $9::bigint[])
      as given (key, value, timestamp_ms, step) join latest using (key)
    on conflict do nothing
    returning series, timestamp_ms, step, value
  )
  select count(*) as inserted,
    case when count(*) < $10::int and count(*) > 0
      then array_agg(i.timestamp_ms || ' ' || i.step || ' ' || i.value || ' ' || latest.key) end as found
  from inserted i join latest on latest.id = i.series`;

function isLater(): string {
  return '(excluded.step, excluded.timestamp_ms, excluded.value) > (s.step, s.timestamp_ms, s.value)';
}

function columns(points: readonly Point[]): unknown[] {
  return [
    points.map(({ key }) => key),
    points.map(({ value }) => value),
    points.map(({ timestamp }) => timestamp),
    points.map(({ step }) => step),
  ];
}

/** `timestamp step value key`: the key is last because it may hold spaces. */
function readPoint(text: string): Point {
  const [timestamp = '', step = '', value = '', ...key] = text.split(' ');
  return {
    key: key.join(' '),
    value: Number(value),
    timestamp: readInt64(timestamp),
    step: readInt64(step),
  };
}

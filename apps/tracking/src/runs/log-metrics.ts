import type { SqlTransaction } from '@flywheel/storage';
import { readInt64 } from '../wire/int64.ts';
import { isLater } from './point.ts';
import type { Point } from './point.ts';

/** A point and the number of the run it belongs to. */
export type RunPoint = Point & { readonly run: number };

/**
 * Writes points into the histories of runs and brings their latest values up to date, in one statement for any number.
 * Points that are there already are passed over. Gives the new ones.
 */
export async function logMetrics(
  tx: SqlTransaction,
  points: readonly RunPoint[],
): Promise<readonly RunPoint[]> {
  if (points.length === 0) return [];
  const [counted] = await tx.query<{ inserted: number; found: string[] | null }>(statement, [
    ...columns(latestOf(points)),
    ...columns(points),
    points.length,
  ]);
  if (counted === undefined || counted.inserted === 0) return [];
  return counted.found === null ? points : counted.found.map(readPoint);
}

const isNewer =
  '(excluded.step, excluded.timestamp_ms, excluded.value) > (s.step, s.timestamp_ms, s.value)';

/**
 * Rows of `series` come first, so that the points know their ids. An update that changes nothing is needed to get the
 * id of a row that is there. Only if some points were not new are the new ones told one by one.
 */
const statement = `
  with latest as (
    insert into series as s (run, key, value, timestamp_ms, step)
    select * from unnest($1::bigint[], $2::text[], $3::float8[], $4::bigint[], $5::bigint[])
    on conflict (run, key) do update set
      value = case when ${isNewer} then excluded.value else s.value end,
      timestamp_ms = case when ${isNewer} then excluded.timestamp_ms else s.timestamp_ms end,
      step = case when ${isNewer} then excluded.step else s.step end
    returning id, run, key
  ), inserted as (
    insert into points (series, timestamp_ms, step, value)
    select latest.id, given.timestamp_ms, given.step, given.value
    from unnest($6::bigint[], $7::text[], $8::float8[], $9::bigint[], $10::bigint[])
      as given (run, key, value, timestamp_ms, step) join latest using (run, key)
    on conflict do nothing
    returning series, timestamp_ms, step, value
  )
  select count(*) as inserted,
    case when count(*) < $11::int and count(*) > 0
      then array_agg(concat_ws(' ', latest.run, i.timestamp_ms, i.step, i.value, latest.key)) end as found
  from inserted i join latest on latest.id = i.series`;

/** The latest of every run and key, in an order that two writers share, so that neither waits for the other in turn. */
function latestOf(points: readonly RunPoint[]): RunPoint[] {
  const latest = new Map<string, RunPoint>();
  for (const point of points) {
    const place = `${point.run} ${point.key}`;
    const known = latest.get(place);
    if (known === undefined || isLater(point, known)) latest.set(place, point);
  }
  return [...latest].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, point]) => point);
}

function columns(points: readonly RunPoint[]): unknown[] {
  return [
    points.map(({ run }) => run),
    points.map(({ key }) => key),
    points.map(({ value }) => value),
    points.map(({ timestamp }) => timestamp),
    points.map(({ step }) => step),
  ];
}

/** `run timestamp step value key`: the key is last because it may hold spaces. */
function readPoint(text: string): RunPoint {
  const [run = '', timestamp = '', step = '', value = '', ...key] = text.split(' ');
  return {
    run: Number(run),
    key: key.join(' '),
    value: Number(value),
    timestamp: readInt64(timestamp),
    step: readInt64(step),
  };
}

import type { Sql } from '@flywheel/storage';
import { readInt64 } from '../wire/int64.ts';
import type { Int64 } from '../wire/int64.ts';
import { toWirePoint } from './point.ts';
import type { WirePoint } from './point.ts';

export type RunPoint = WirePoint & { readonly run_id: string };
type Row = { run: string; timestamp: string; step: string; value: number };

/** Of a hundred runs with 2500 steps each: what is more has many points per step. */
const mostSampled = 250_000;
const seriesOf = `select s.id, r.id as run from series s join runs r on r.number = s.run
  where r.id = any($1::text[]) and s.key = $2`;
const columns = 's.run, p.timestamp_ms::text as timestamp, p.step::text as step, p.value';

/** The points of one metric in several runs, by run, then time; the first `size` of them. */
export async function bulkHistory(
  sql: Sql,
  { runs, key, size }: { runs: readonly string[]; key: string; size: number },
): Promise<RunPoint[]> {
  const rows = await sql.query<Row>(
    `with s as (${seriesOf})
     select ${columns} from s join points p on p.series = s.id
     order by s.run, p.timestamp_ms, p.step, p.value limit $3`,
    [runs, key, size],
  );
  return rows.map((row) => toRunPoint(key, row));
}

/**
 * A sample of the steps that the runs have, `size` evenly spread ones of all of them together, and always the first and
 * the last step of every run; all points of the chosen steps, by run, then step.
 */
export async function sampledHistory(
  sql: Sql,
  {
    runs,
    key,
    size,
    between,
  }: {
    runs: readonly string[];
    key: string;
    size: number;
    between: readonly [Int64, Int64] | undefined;
  },
): Promise<RunPoint[]> {
  const within = between ? 'and p.step between $4::bigint and $5::bigint' : '';
  const rows = await sql.query<Row>(
    `with s as (${seriesOf}),
     steps as (select s.id, p.step from s join points p on p.series = s.id ${within} group by s.id, p.step),
     numbered as (
       select step, row_number() over (order by step) - 1 as index, count(*) over () as count
       from (select distinct step from steps) as distinct_steps
     ),
     chosen as (
       select step from numbered where count <= $3
         or floor(index * $3::float8 / count) <> floor((index - 1) * $3::float8 / count)
       union select min(step) from steps group by id
       union select max(step) from steps group by id
     ),
     found as (
       select ${columns}, p.step as step_number, p.timestamp_ms
       from s join points p on p.series = s.id join chosen on chosen.step = p.step
     )
     select run, timestamp, step, value from found
     order by run, step_number, timestamp_ms, value limit ${mostSampled}`,
    [runs, key, size, ...(between ?? [])],
  );
  return rows.map((row) => toRunPoint(key, row));
}

function toRunPoint(key: string, { run, timestamp, step, value }: Row): RunPoint {
  return {
    ...toWirePoint({ key, value, timestamp: readInt64(timestamp), step: readInt64(step) }),
    run_id: run,
  };
}

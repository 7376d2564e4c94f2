import type { Sql } from '@flywheel/storage';
import { parseInt64, readInt64 } from '../wire/int64.ts';
import { badToken, readToken } from '../search/page-token.ts';
import { toWirePoint } from './point.ts';
import type { WirePoint } from './point.ts';

/** The largest page, and the one given where no size is asked for. */
export const historyPage = 25_000;

type HistoryRow = { timestamp: string; step: string; value: number };
type Place = { series: number; timestamp: string; step: string; value: string };

/**
 * A page of a metric's points by timestamp, step, value. A page begins after the last point of the one before, so
 * that pages stay whole while points are being logged. A run or a metric that is not there has no points.
 */
export async function metricHistory(
  sql: Sql,
  run: string,
  key: string,
  page: { token: string | undefined; size: number },
): Promise<{ metrics?: WirePoint[]; next_page_token?: string }> {
  const after = page.token === undefined || page.token === '' ? undefined : placeOf(page.token);
  const [series] = await sql.query<{ id: number }>(
    'select s.id from series s join runs r on r.number = s.run where r.id = $1 and s.key = $2',
    [run, key],
  );
  if (!series) {
    if (after) throw badToken();
    return {};
  }
  if (after && after.series !== series.id) throw badToken();
  const size = Math.min(page.size, historyPage);
  const rows = await sql.query<HistoryRow>(
    `select p.timestamp_ms::text as timestamp, p.step::text as step, p.value from points p
     where p.series = $1 ${after ? 'and (p.timestamp_ms, p.step, p.value) > ($3::bigint, $4::bigint, $5::float8)' : ''}
     order by p.timestamp_ms, p.step, p.value limit $2`,
    [series.id, size + 1, ...(after ? [after.timestamp, after.step, after.value] : [])],
  );
  const points = rows.slice(0, size);
  const last = points.at(-1);
  return {
    ...(points.length === 0 ? {} : { metrics: points.map((row) => toPoint(key, row)) }),
    ...(rows.length > size && last
      ? { next_page_token: tokenOf({ series: series.id, ...last, value: String(last.value) }) }
      : {}),
  };
}

function toPoint(key: string, { timestamp, step, value }: HistoryRow): WirePoint {
  return toWirePoint({ key, value, timestamp: readInt64(timestamp), step: readInt64(step) });
}

function tokenOf({ series, timestamp, step, value }: Place): string {
  return Buffer.from(JSON.stringify({ series, timestamp, step, value })).toString('base64');
}

function placeOf(token: string): Place {
  const { series, timestamp, step, value } = readToken(token);
  if (
    !Number.isSafeInteger(series) ||
    typeof timestamp !== 'string' ||
    parseInt64(timestamp) === undefined ||
    typeof step !== 'string' ||
    parseInt64(step) === undefined ||
    typeof value !== 'string' ||
    (value !== 'NaN' && !Number.isFinite(Number(value))) ||
    value.trim() === ''
  )
    throw badToken();
  return { series: series as number, timestamp, step, value }; // a safe integer is a number
}

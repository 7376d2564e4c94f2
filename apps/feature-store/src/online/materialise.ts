import type { ingestion } from '@flywheel/contracts';
import type { Analytics } from '@flywheel/storage';
import { sqlName, sqlText } from '@flywheel/storage';
import type { ResolvedView } from '../definitions/resolved-service.ts';
import { instantSql } from '../snapshots/column-sql.ts';
import { viewColumns } from '../snapshots/snapshot-columns.ts';
import type { OnlineRow, OnlineRows } from './online-rows.ts';
import { rowOf } from './view-rows.ts';
import type { Unusable } from './view-rows.ts';

const DAY_MS = 86_400_000;
const BATCH_ROWS = 20_000;

/**
 * Loads the rows of a snapshot that are known by `asOfMs`, as far back as the view's longest window reaches from the
 * newest of them (of one that is dated after it was known, from when it was), entity by entity: each entity is written
 * once or twice, whatever the number of rows.
 */
export async function materialise(
  parts: { analytics: Analytics; online: OnlineRows; skipped: (reason: Unusable) => void },
  view: ResolvedView,
  snapshot: Pick<ingestion.Snapshot, 'columns' | 'dataset'> & { files: readonly string[] },
  options: { asOfMs: number; field: string },
): Promise<{ rows: number; entities: number; knownAtMs: number }> {
  const { analytics, online } = parts;
  const { source, ...read } = viewColumns(view, snapshot, options.field);
  const event = instantSql(read.event);
  const known = instantSql(read.known);
  const keys = read.keys.map(({ name }) => sqlName(name)).join(', ');
  const columns = [...read.keys, read.event, read.known, ...read.values].map(({ name }) => name);
  const files = `[${snapshot.files.map(sqlText).join(', ')}]`;
  const query = `
    with known as (select * from read_parquet(${files}, union_by_name = true) where ${known} <= ${options.asOfMs})
    select "_id", ${[...new Set(columns)].map(sqlName).join(', ')} from known
    where ${event} > (select max(least(${event}, ${known})) from known) - ${view.plan.longestMs + DAY_MS}
    order by ${keys}`;

  let pending: OnlineRow[] = [];
  let rows = 0;
  let entities = 0;
  let knownAtMs = 0;
  let last = '';
  const flush = async () => {
    if (pending.length > 0) await online.apply([{ view, rows: pending }]);
    pending = [];
  };
  for await (const batch of analytics.batches(query)) {
    for (const record of batch) {
      const row = rowOf(view, source, record, { id: String(record['_id']), revision: 0 });
      if (typeof row === 'string') {
        parts.skipped(row);
        continue;
      }
      const entity = JSON.stringify(row.parts);
      if (entity !== last) {
        if (pending.length >= BATCH_ROWS) await flush(); // between entities, so that none is merged more often than needed
        entities++;
        last = entity;
      }
      pending.push(row);
      rows++;
      knownAtMs = Math.max(knownAtMs, row.row.knownMs);
    }
  }
  await flush();
  return { rows, entities, knownAtMs };
}

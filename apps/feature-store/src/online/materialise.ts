import type { Analytics } from '@flywheel/storage';
import { sqlName, sqlText } from '@flywheel/storage';
import type { ResolvedView } from '../definitions/resolved-service.ts';
import type { OnlineRow, OnlineRows } from './online-rows.ts';
import { rowOf } from './view-rows.ts';

const DAY_MS = 86_400_000;
const BATCH_ROWS = 20_000;

/**
 * Loads the rows of a snapshot that are known by `asOfMs`, as far back as the view's longest window reaches from the
 * newest of them, entity by entity: each entity is written once or twice, whatever the number of rows.
 */
export async function materialise(
  { analytics, online }: { analytics: Analytics; online: OnlineRows },
  view: ResolvedView,
  snapshot: { dataset: string; files: readonly string[] },
  asOfMs: number,
): Promise<{ rows: number; entities: number; knownAtMs: number }> {
  const source = view.view.sources.find(
    (one) => one.kind === 'dataset' && one.dataset === snapshot.dataset,
  );
  if (!source) return { rows: 0, entities: 0, knownAtMs: 0 };
  const event = `epoch_ms(try_cast(${sqlName(source.eventTime)} as timestamptz))`;
  const known = `epoch_ms(try_cast(${sqlName(source.knownAt)} as timestamptz))`;
  const keys = view.entity.keys.map(sqlName).join(', ');
  const columns = [
    ...new Set([...view.entity.keys, source.eventTime, source.knownAt, ...view.plan.columns]),
  ]
    .map(sqlName)
    .join(', ');
  const files = `[${snapshot.files.map(sqlText).join(', ')}]`;
  const query = `
    with known as (select * from read_parquet(${files}, union_by_name = true) where ${known} <= ${asOfMs})
    select "_id" as "_id", ${columns} from known
    where ${event} > (select max(${event}) from known) - ${view.plan.longestMs + DAY_MS}
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
      if (typeof row === 'string') continue;
      const entity = row.parts.join('\0');
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

import type { featureStore, ingestion } from '@flywheel/contracts';
import { sqlName, sqlText } from '@flywheel/storage';
import { entitiesOf, featureNames } from '../definitions/resolved-service.ts';
import type { ResolvedService, ResolvedView } from '../definitions/resolved-service.ts';
import { windowSql } from '../windows/window-sql.ts';
import { instantSql, keyPartSql, numberSql } from '../snapshots/column-sql.ts';
import type { SnapshotColumn } from '../snapshots/column-sql.ts';
import { columnsOf, timeColumn, viewColumns } from '../snapshots/snapshot-columns.ts';
import type { SnapshotColumns } from '../snapshots/snapshot-columns.ts';

/** The statements that make a training set, to be run in turn in one DuckDB. */
export type TrainingSetSql = {
  readonly statements: readonly string[];
  /** Gives one row: rows, positives, unknown_label, not_known_yet, out_of_range. */
  readonly counts: string;
  /** The training set itself, in its order. */
  readonly rows: string;
};

const DAY_MS = 86_400_000;

/**
 * Point-in-time join. Each row of the snapshot asks at its prediction time (the service's rule); the views answer from
 * the rows of the same snapshot that were known by then. Row order: prediction time, entities, the record's id. Tables
 * have names of their own, never those of the data. `invalid_argument` where the snapshot lacks what is asked of it.
 */
export function trainingSetSql(
  request: featureStore.TrainingSetRequest,
  service: ResolvedService,
  snapshot: Pick<ingestion.Snapshot, 'columns' | 'dataset'> & { files: readonly string[] },
): TrainingSetSql {
  const columns = columnsOf(snapshot, 'service');
  const { onDemand, predictionTime } = service.service;
  const asked = instantSql(timeColumn(service, snapshot.dataset, columns));
  const label = columnsOf(snapshot, 'label.column')(request.label.column);
  const labelKnown = columnsOf(snapshot, 'label.knownAt')(request.label.knownAt);
  const { from, to } = request.spine;
  const fromMs = from === undefined ? '-9e15' : String(Date.parse(from));
  const toMs = to === undefined ? '9e15' : String(Date.parse(to));
  const entities = entitiesOf(service.views);
  const files = `[${snapshot.files.map(sqlText).join(', ')}]`;

  const statements = [
    `create view source as select * from read_parquet(${files}, union_by_name = true)`,
    `create table asked as select ${[
      `"_id" as source_id`,
      `${asked} + ${predictionTime?.offsetMs ?? 0} as asked_ms`,
      `${instantSql(labelKnown)} as label_known_ms`,
      `${numberSql(label)} as label_number`,
      ...entities.map((entity, index) => `${joinedSql(entity, columns)} as entity_${index}`),
      ...onDemand.map((one, index) => `${onDemandSql(one, columns)} as on_demand_${index}`),
      ...service.views.map(
        ({ entity }, index) => `${keySql(entity.keys.map(columns))} as key_${index}`,
      ),
    ].join(', ')} from source`,
    `create table judged as select *, case
      when asked_ms is null or asked_ms < ${fromMs} or asked_ms >= ${toMs} then 'out_of_range'
      when label_number is null then 'unknown_label'
      when label_known_ms is null or label_known_ms > ${Date.parse(request.knownBy)} then 'not_known_yet'
      else 'row' end as verdict from asked`,
    `create table spine as select *, (label_number > ${request.label.above})::int as is_positive,
      row_number() over (order by asked_ms, ${entities.map((_, index) => `entity_${index}`).join(', ')}, source_id) as row_id
      from judged where verdict = 'row'`,
    ...service.views.flatMap((view, index) => viewSql(view, index, snapshot)),
  ];
  const features = service.views.flatMap((view, index) =>
    featureNames(view).map(
      (name, place) =>
        `view_${index}.${sqlName(view.plan.outputs[place]?.name ?? '')} as ${sqlName(name)}`,
    ),
  );
  return {
    statements,
    counts: `select
      (count(*) filter (verdict = 'row'))::double as rows,
      (count(*) filter (verdict = 'row' and label_number > ${request.label.above}))::double as positives,
      (count(*) filter (verdict = 'unknown_label'))::double as unknown_label,
      (count(*) filter (verdict = 'not_known_yet'))::double as not_known_yet,
      (count(*) filter (verdict = 'out_of_range'))::double as out_of_range from judged`,
    rows: `select ${[
      'spine.asked_ms as prediction_time',
      ...entities.map(({ name }, index) => `spine.entity_${index} as ${sqlName(name)}`),
      'spine.is_positive as label',
      'spine.label_known_ms as known_at',
      ...features,
      ...onDemand.map(({ feature }, index) => `spine.on_demand_${index} as ${sqlName(feature)}`),
    ].join(', ')}
      from spine ${service.views.map((_, index) => `join view_${index} using (row_id)`).join(' ')}
      order by row_id`,
  };
}

/** The rows a view reads, once; then its values. */
function viewSql(
  view: ResolvedView,
  index: number,
  snapshot: Pick<ingestion.Snapshot, 'columns' | 'dataset'>,
): string[] {
  const { keys, event, known, values } = viewColumns(view, snapshot, 'service');
  const numbers = values.map((column, place) => `${numberSql(column)} as value_${place}`);
  const plan = { ...view.plan, columns: values.map((_, place) => `value_${place}`) };
  return [
    `create table rows_${index} as select * from (select ${[
      `${keySql(keys)} as key`,
      `${instantSql(event)} as event_ms`,
      `${instantSql(known)} as known_ms`,
      ...numbers,
    ].join(', ')} from source)
      where key is not null and event_ms is not null and known_ms is not null`,
    `create table view_${index} as ${windowSql(plan, {
      rows: `rows_${index}`,
      spine: `(select row_id, key_${index} as key, asked_ms as at_ms from spine)`,
    })}`,
    `drop table rows_${index}`,
  ];
}

/** Every part behind its length: no two entities share a key. */
function keySql(keys: readonly SnapshotColumn[]): string {
  return keys
    .map(keyPartSql)
    .map((part) => `length(${part}) || ':' || ${part}`)
    .join(` || `);
}

function joinedSql({ keys, separator }: featureStore.Entity, columns: SnapshotColumns): string {
  return keys
    .map((key) => keyPartSql(columns(key)))
    .join(separator === '' ? ' || ' : ` || ${sqlText(separator)} || `);
}

function onDemandSql(feature: featureStore.OnDemandFeature, columns: SnapshotColumns): string {
  const column = columns(feature.from);
  const days = `floor(${instantSql(column)} / ${DAY_MS}.0)`;
  switch (feature.transform) {
    case 'value':
      return numberSql(column);
    case 'hour':
      return `floor((${instantSql(column)} - ${days} * ${DAY_MS}) / 3600000.0)`;
    case 'weekday': // 1 January 1970 was a Thursday: 3 when Monday is 0
      return `((${days} + 3) % 7 + 7) % 7`;
  }
}

import type { featureStore } from '@flywheel/contracts';
import { sqlName, sqlText } from '@flywheel/storage';
import type { ResolvedService, ResolvedView } from '../definitions/resolved-service.ts';
import { windowSql } from '../windows/window-sql.ts';

/** The statements that make a training set, to be run in turn in one DuckDB. */
export type TrainingSetSql = {
  readonly statements: readonly string[];
  /** Gives one row: rows, positives, unknown_label, not_known_yet, out_of_range. */
  readonly counts: string;
  /** The training set itself, in its order. */
  readonly rows: string;
};

/**
 * Point-in-time join. Each row of the snapshot asks at its prediction time (the service's rule); the views answer from
 * the rows of the same snapshot that were known by then. Row order: prediction time, entities, the record's id.
 */
export function trainingSetSql(
  request: featureStore.TrainingSetRequest,
  service: ResolvedService,
  snapshot: { files: readonly string[]; dataset: string },
): TrainingSetSql {
  const { predictionTime } = service.service;
  const timeColumn = predictionTime?.column ?? service.views[0]?.view.sources[0]?.eventTime ?? '';
  const offsetMs = predictionTime?.offsetMs ?? 0;
  const fromMs =
    request.spine.from === undefined ? '-9e15' : String(Date.parse(request.spine.from));
  const toMs = request.spine.to === undefined ? '9e15' : String(Date.parse(request.spine.to));
  const knownByMs = Date.parse(request.knownBy);
  const entities = [...new Map(service.views.map(({ entity }) => [entity.name, entity])).values()];
  const files = `[${snapshot.files.map(sqlText).join(', ')}]`;

  const statements = [
    `create view source as select * from read_parquet(${files}, union_by_name = true)`,
    `create table asked as select
      "_id" as source_id,
      ${instantSql(timeColumn)} + ${offsetMs} as prediction_time,
      ${instantSql(request.label.knownAt)} as known_at,
      try_cast(${sqlName(request.label.column)} as double) as label_value,
      ${entities.map((entity) => `${joinedSql(entity)} as ${sqlName(entity.name)}`).join(', ')}
      ${service.service.onDemand.map((feature) => `, ${onDemandSql(feature)} as ${sqlName(`on_demand__${feature.feature}`)}`).join('')}
      ${service.views.map(({ entity }, index) => `, ${keySql(entity)} as key_${index}`).join('')}
      from source`,
    `create table judged as select *, case
      when prediction_time is null or prediction_time < ${fromMs} or prediction_time >= ${toMs} then 'out_of_range'
      when label_value is null then 'unknown_label'
      when known_at is null or known_at > ${knownByMs} then 'not_known_yet'
      else 'row' end as verdict from asked`,
    `create table spine as select *, (label_value > ${request.label.above})::int as label,
      row_number() over (order by prediction_time, ${entities.map((entity) => sqlName(entity.name)).join(', ')}, source_id) as row_id
      from judged where verdict = 'row'`,
    ...service.views.map((view, index) => viewSql(view, index, snapshot.dataset)),
  ];
  const features = service.views.flatMap(({ view, plan }, index) =>
    plan.outputs.map(
      (output) =>
        `view_${index}.${sqlName(output.name)} as ${sqlName(`${view.name}__${output.name}`)}`,
    ),
  );
  const onDemand = service.service.onDemand.map(
    (feature) => `spine.${sqlName(`on_demand__${feature.feature}`)} as ${sqlName(feature.feature)}`,
  );
  return {
    statements,
    counts: `select
      (count(*) filter (verdict = 'row'))::double as rows,
      (count(*) filter (verdict = 'row' and label_value > ${request.label.above}))::double as positives,
      (count(*) filter (verdict = 'unknown_label'))::double as unknown_label,
      (count(*) filter (verdict = 'not_known_yet'))::double as not_known_yet,
      (count(*) filter (verdict = 'out_of_range'))::double as out_of_range from judged`,
    rows: `select spine.prediction_time, ${entities.map((entity) => `spine.${sqlName(entity.name)}`).join(', ')},
      spine.label, spine.known_at, ${[...features, ...onDemand].join(', ')}
      from spine ${service.views.map((_, index) => `join view_${index} using (row_id)`).join(' ')}
      order by row_id`,
  };
}

function viewSql({ view, entity, plan }: ResolvedView, index: number, dataset: string): string {
  const source =
    view.sources.find((one) => one.kind === 'dataset' && one.dataset === dataset) ??
    view.sources[0];
  if (!source) throw new Error('a view without a source');
  const columns = plan.columns
    .map((column) => `, try_cast(${sqlName(column)} as double) as ${sqlName(column)}`)
    .join('');
  const rows = `(select ${keySql(entity)} as key, ${instantSql(source.eventTime)} as event_ms, ${instantSql(source.knownAt)} as known_ms${columns}
    from source where ${instantSql(source.eventTime)} is not null and ${instantSql(source.knownAt)} is not null and ${keySql(entity)} is not null)`;
  return `create table view_${index} as ${windowSql(plan, { rows, spine: `(select row_id, key_${index} as key, prediction_time as at_ms from spine)` })}`;
}

/** Milliseconds since the epoch of a column of text or timestamps; text without an offset is UTC (the engine's zone). */
function instantSql(column: string): string {
  return `epoch_ms(try_cast(${sqlName(column)} as timestamptz))`;
}

/** Every part behind its length: no two entities share a key. */
function keySql(entity: featureStore.Entity): string {
  return entity.keys
    .map((key) => `length(${sqlName(key)}::varchar) || ':' || ${sqlName(key)}::varchar`)
    .join(` || `);
}

function joinedSql(entity: featureStore.Entity): string {
  return entity.keys
    .map((key) => `${sqlName(key)}::varchar`)
    .join(` || ${sqlText(entity.separator)} || `);
}

function onDemandSql(feature: featureStore.OnDemandFeature): string {
  const column = sqlName(feature.from);
  switch (feature.transform) {
    case 'value':
      return `try_cast(${column} as double)`;
    case 'hour':
      return `hour(try_cast(${column} as timestamptz))::double`;
    case 'weekday':
      return `(isodow(try_cast(${column} as timestamptz)) - 1)::double`;
  }
}

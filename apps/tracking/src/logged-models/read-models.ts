import type { SqlTransaction } from '@flywheel/storage';
import { groupBy, listed } from '../wire/lists.ts';
import { readInt64 } from '../wire/int64.ts';
import type { Pair } from '../wire/parameters.ts';
import { statusWords } from './logged-model.ts';
import type { LoggedModel, LoggedModelRow, ModelMetric, ModelStatus } from './logged-model.ts';

type PairRow = { model: string } & Pair;
type MetricRow = {
  model: string;
  key: string;
  value: number;
  timestamp: string;
  step: string;
  run: string;
  dataset_name: string;
  dataset_digest: string;
};

/** The models of the rows with all that belongs to them, in the order of the rows. */
export async function readModels(
  sql: SqlTransaction,
  rows: readonly LoggedModelRow[],
): Promise<LoggedModel[]> {
  if (rows.length === 0) return [];
  const ids = [rows.map(({ id }) => id)];
  const ofModels = 'where model = any($1::text[]) order by key collate "C"';
  const tags = groupBy(
    await sql.query<PairRow>(`select model, key, value from logged_model_tags ${ofModels}`, ids),
    ({ model }) => model,
  );
  const params = groupBy(
    await sql.query<PairRow>(`select model, key, value from logged_model_params ${ofModels}`, ids),
    ({ model }) => model,
  );
  const metrics = groupBy(
    await sql.query<MetricRow>(
      `select model, key, value, timestamp_ms::text as timestamp, step::text, run, dataset_name, dataset_digest
       from logged_model_metrics ${ofModels}, run, dataset_name, dataset_digest`,
      ids,
    ),
    ({ model }) => model,
  );
  return rows.map((row) => ({
    info: { ...infoOf(row), ...listed('tags', tags.get(row.id)?.map(toPair)) },
    data: {
      ...listed('params', params.get(row.id)?.map(toPair)),
      ...listed('metrics', metrics.get(row.id)?.map(toMetric)),
    },
  }));
}

function infoOf(row: LoggedModelRow): Omit<LoggedModel['info'], 'tags'> {
  const statuses = Object.keys(statusWords) as ModelStatus[];
  return {
    model_id: row.id,
    experiment_id: row.experiment,
    name: row.name,
    creation_timestamp_ms: row.created_ms,
    last_updated_timestamp_ms: row.updated_ms,
    artifact_uri: row.artifact_uri,
    status: statuses.find((status) => statusWords[status] === row.status) ?? 'LOGGED_MODEL_PENDING',
    model_type: row.model_type,
    source_run_id: row.source_run,
  };
}

function toPair({ key, value }: PairRow): Pair {
  return { key, value };
}

function toMetric(row: MetricRow): ModelMetric {
  return {
    key: row.key,
    value: Number.isNaN(row.value) ? 'NaN' : row.value,
    timestamp: readInt64(row.timestamp),
    step: readInt64(row.step),
    run_id: row.run,
    model_id: row.model,
    ...(row.dataset_name === '' ? {} : { dataset_name: row.dataset_name }),
    ...(row.dataset_digest === '' ? {} : { dataset_digest: row.dataset_digest }),
  };
}

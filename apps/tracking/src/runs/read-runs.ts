import type { SqlTransaction } from '@flywheel/storage';
import { groupBy, listed } from '../wire/lists.ts';
import { readInt64 } from '../wire/int64.ts';
import type { Pair } from '../wire/parameters.ts';
import { toWirePoint } from './point.ts';
import { toRunInfo } from './run.ts';
import type { Dataset, Run, RunRow } from './run.ts';

type PairRow = { run: number } & Pair;
type MetricRow = { run: number; key: string; value: number; timestamp: string; step: string };
type DatasetRow = {
  run: number;
  tags: Pair[];
  name: string;
  digest: string;
  source_type: string;
  source: string;
  schema: string | null;
  profile: string | null;
};
type ModelRow = { run: number; direction: 'input' | 'output'; model: string; step: string };

/** The runs of the rows with all that belongs to them, in the order of the rows: a handful of queries for any number. */
export async function readRuns(sql: SqlTransaction, rows: readonly RunRow[]): Promise<Run[]> {
  if (rows.length === 0) return [];
  const numbers = [rows.map(({ number }) => number)];
  const ofRuns = 'where run = any($1::bigint[])';
  const byKey = 'order by key collate "C"';
  const [tags, params, metrics, datasets, models] = await Promise.all([
    sql.query<PairRow>(`select run, key, value from run_tags ${ofRuns} ${byKey}`, numbers),
    sql.query<PairRow>(`select run, key, value from run_params ${ofRuns} ${byKey}`, numbers),
    sql.query<MetricRow>(
      `select run, key, value, timestamp_ms::text as timestamp, step::text from series ${ofRuns} ${byKey}`,
      numbers,
    ),
    sql.query<DatasetRow>(
      `select run, tags, name, digest, source_type, source, schema, profile
       from run_datasets join datasets on datasets.id = dataset ${ofRuns} order by position`,
      numbers,
    ),
    sql.query<ModelRow>(
      `select run, direction, model, step::text from run_models ${ofRuns} order by position`,
      numbers,
    ),
  ]);
  const of = {
    tags: groupByRun(tags),
    params: groupByRun(params),
    metrics: groupByRun(metrics),
    datasets: groupByRun(datasets),
    models: groupByRun(models),
  };
  return rows.map((row) => {
    const models = of.models.get(row.number) ?? [];
    const outputs = models.filter(({ direction }) => direction === 'output');
    return {
      info: toRunInfo(row),
      data: {
        ...listed('metrics', of.metrics.get(row.number)?.map(toMetric)),
        ...listed('params', of.params.get(row.number)?.map(toPair)),
        ...listed('tags', of.tags.get(row.number)?.map(toPair)),
      },
      inputs: {
        ...listed(
          'dataset_inputs',
          of.datasets
            .get(row.number)
            ?.map((input) => ({ tags: input.tags, dataset: toDataset(input) })),
        ),
        ...listed(
          'model_inputs',
          models
            .filter(({ direction }) => direction === 'input')
            .map(({ model }) => ({ model_id: model })),
        ),
      },
      ...(outputs.length === 0
        ? {}
        : {
            outputs: {
              model_outputs: outputs.map(({ model, step }) => ({
                model_id: model,
                step: readInt64(step),
              })),
            },
          }),
    };
  });
}

function groupByRun<Row extends { run: number }>(rows: readonly Row[]): Map<number, Row[]> {
  return groupBy(rows, ({ run }) => run);
}

function toPair({ key, value }: PairRow): Pair {
  return { key, value };
}

function toMetric({ key, value, timestamp, step }: MetricRow) {
  return toWirePoint({ key, value, timestamp: readInt64(timestamp), step: readInt64(step) });
}

function toDataset(row: DatasetRow): Dataset {
  return {
    name: row.name,
    digest: row.digest,
    source_type: row.source_type,
    source: row.source,
    ...(row.schema === null ? {} : { schema: row.schema }),
    ...(row.profile === null ? {} : { profile: row.profile }),
  };
}

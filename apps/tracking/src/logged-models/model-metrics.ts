import type { SqlTransaction } from '@flywheel/storage';
import { isLater } from '../runs/point.ts';
import type { LoggedPoint } from '../runs/run-log.ts';
import { modelNotThere } from './logged-model-store.ts';

/** Keeps, of the points that belong to models, the latest per model, metric, run and dataset. */
export async function logModelMetrics(
  tx: SqlTransaction,
  run: string,
  points: readonly LoggedPoint[],
): Promise<void> {
  const latest = latestOfModels(points);
  if (latest.length === 0) return;
  const models = [...new Set(latest.map(({ model }) => model))];
  const known = await tx.query<{ id: string }>(
    'select id from logged_models where id = any($1::text[]) order by id for no key update',
    [models],
  );
  const missing = models.find((model) => !known.some(({ id }) => id === model));
  if (missing !== undefined) throw modelNotThere(missing);
  const newer =
    '(excluded.step, excluded.timestamp_ms, excluded.value) > (m.step, m.timestamp_ms, m.value)';
  await tx.query(
    `insert into logged_model_metrics as m (run, model, key, dataset_name, dataset_digest, value, timestamp_ms, step)
     select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::bigint[], $8::bigint[])
     on conflict (model, place) do update
       set value = excluded.value, timestamp_ms = excluded.timestamp_ms, step = excluded.step
       where ${newer}`,
    [
      run,
      latest.map(({ model }) => model),
      latest.map(({ key }) => key),
      latest.map(({ datasetName }) => datasetName ?? ''),
      latest.map(({ datasetDigest }) => datasetDigest ?? ''),
      latest.map(({ value }) => value),
      latest.map(({ timestamp }) => timestamp),
      latest.map(({ step }) => step),
    ],
  );
}

type ModelPoint = LoggedPoint & { readonly model: string };

function latestOfModels(points: readonly LoggedPoint[]): ModelPoint[] {
  const latest = new Map<string, ModelPoint>();
  for (const point of points) {
    const { model, key, datasetName, datasetDigest } = point;
    if (model === undefined) continue;
    const place = JSON.stringify([model, key, datasetName, datasetDigest]);
    const known = latest.get(place);
    if (known === undefined || isLater(point, known)) latest.set(place, { ...point, model });
  }
  return [...latest.values()];
}

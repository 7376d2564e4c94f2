import type { RunLog, LoggedPoint } from '../runs/run-log.ts';
import { runIdOf } from '../runs/run-store.ts';
import type { RunStore } from '../runs/run-store.ts';
import { checkKey, checkLength, limits, runParam, runTag } from '../wire/limits.ts';
import { invalidValue, missing, refused } from '../wire/mlflow-errors.ts';
import { mlflowRoute } from '../wire/mlflow-route.ts';
import type { Http, MlflowCall } from '../wire/mlflow-route.ts';
import type { Pair, Parameters } from '../wire/parameters.ts';
import { runId } from './run-routes.ts';

type Parts = { log: RunLog; runs: RunStore };
const most = { metrics: 1000, params: 100, tags: 100, all: 1000 } as const;

export function logRoutes(http: Http, { log, runs }: Parts): void {
  const post = (action: string, summary: string, handler: MlflowCall['handler']) =>
    mlflowRoute(http, {
      name: action,
      summary,
      method: 'POST',
      path: `mlflow/runs/${action}`,
      handler,
    });
  const nothing = { points: [], params: [], tags: [] };

  post('log-batch', 'Logs metrics, params and tags of a run', async (given) => {
    const id = runId(given);
    const points = given.items('metrics', most.metrics).map(readPoint);
    const params = given
      .pairs('params', most.params)
      .map((param, index) => runParam(param, `params[${index}].`));
    const tags = given.pairs('tags', most.tags).map((tag, index) => runTag(tag, `tags[${index}].`));
    const count = points.length + params.length + tags.length;
    if (count > most.all)
      throw refused(
        `A batch logging request can contain at most ${most.all} metrics, params and tags in sum, got ${count}`,
        'metrics',
      );
    checkDistinct(params);
    await log.log(id, { points, params, tags });
    return {};
  });
  post('log-metric', 'Logs a point of a metric', async (given) => {
    const id = runId(given);
    await log.log(id, { ...nothing, points: [readPoint(given)] });
    return {};
  });
  post('log-parameter', 'Logs a param, which never changes afterwards', async (given) => {
    const id = runId(given);
    const param = { key: given.required('key'), value: given.text('value') ?? '' };
    await runs.logParams(id, [runParam(param)]);
    return {};
  });
  post('set-tag', 'Sets a tag of a run', async (given) => {
    const id = runId(given);
    const tag = { key: given.required('key'), value: given.text('value') ?? '' };
    await runs.setTags(id, [runTag(tag)]);
    return {};
  });
  post('delete-tag', 'Deletes a tag of a run', async (given) => {
    await runs.deleteTag(runIdOf(given.required('run_id')), given.required('key'));
    return {};
  });
}

/** All of an item is required: a metric without time or value says nothing. */
function readPoint(given: Parameters): LoggedPoint {
  const key = checkKey(given.required('key'), given.label('key'));
  const value = given.metricValue('value');
  const timestamp = given.int64('timestamp');
  if (timestamp === undefined) throw missing(given.label('timestamp'));
  if (timestamp < 0)
    throw invalidValue(given.label('timestamp'), timestamp, 'must not be negative');
  const short = (name: string, most: number) => {
    const text = given.filled(name);
    return text === undefined ? undefined : checkLength(text, most, given.label(name));
  };
  const model = short('model_id', limits.modelIdLength);
  const datasetName = short('dataset_name', limits.datasetNameLength);
  const datasetDigest = short('dataset_digest', limits.datasetDigestLength);
  return {
    key,
    value,
    timestamp,
    step: given.int64('step') ?? 0,
    ...(model === undefined ? {} : { model }),
    ...(datasetName === undefined ? {} : { datasetName }),
    ...(datasetDigest === undefined ? {} : { datasetDigest }),
  };
}

function checkDistinct(params: readonly Pair[]): void {
  const seen = new Set<string>();
  for (const { key } of params) {
    if (seen.has(key))
      throw refused(`Duplicate parameter keys have been submitted: '${key}'`, 'params');
    seen.add(key);
  }
}

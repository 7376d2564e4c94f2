import type { Sql } from '@flywheel/storage';
import { viewTypes } from '../experiments/experiment.ts';
import { experimentIdOf } from '../experiments/experiment-store.ts';
import type { TrackingMetrics } from '../metrics.ts';
import { runStatuses } from '../runs/run.ts';
import { searchRuns } from '../runs/run-search.ts';
import type { RunStore } from '../runs/run-store.ts';
import { offsetOf } from '../search/page-token.ts';
import { cut, limits, runTag } from '../wire/limits.ts';
import { mlflowRoute } from '../wire/mlflow-route.ts';
import type { Http, MlflowCall } from '../wire/mlflow-route.ts';
import type { Parameters } from '../wire/parameters.ts';

type Parts = { sql: Sql; runs: RunStore; metrics: TrackingMetrics };
const mostRuns = 50_000;
const mostTags = 1000;

/** Both names are sent by clients of every age. */
export function runId(given: Parameters): string {
  return given.requiredAny('run_id', 'run_uuid');
}

export function runRoutes(http: Http, { sql, runs, metrics }: Parts): void {
  const post = (action: string, summary: string, handler: MlflowCall['handler']) =>
    mlflowRoute(http, {
      name: `${action}-run`,
      summary,
      method: 'POST',
      path: `mlflow/runs/${action}`,
      handler,
    });

  post('create', 'Starts a run', async (given) => {
    const run = await runs.create({
      experiment: experimentIdOf(given.required('experiment_id')),
      userId: given.text('user_id') ?? '',
      name: runName(given),
      startMs: given.integer('start_time') ?? 0,
      tags: given.pairs('tags', mostTags).map((tag, index) => runTag(tag, `tags[${index}].`)),
    });
    metrics.runs.add();
    return { run };
  });
  mlflowRoute(http, {
    name: 'get-run',
    summary: 'Gives a run, also a deleted one',
    method: 'GET',
    path: 'mlflow/runs/get',
    handler: async (given) => ({ run: await runs.get(runId(given)) }),
  });
  post('update', 'Changes status, end and name of a run', async (given) => ({
    run_info: await runs.update(runId(given), {
      status: given.choice('status', runStatuses),
      endMs: given.integer('end_time'),
      name: runName(given),
    }),
  }));
  post('delete', 'Deletes a run', async (given) => {
    await runs.move(runId(given), 'deleted');
    return {};
  });
  post('restore', 'Restores a run', async (given) => {
    await runs.move(runId(given), 'active');
    return {};
  });
  mlflowRoute(http, {
    name: 'search-runs',
    summary: 'Finds runs',
    method: 'POST',
    path: 'mlflow/runs/search',
    handler: (given) =>
      searchRuns(sql, {
        experiments: given
          .texts('experiment_ids')
          .map((id, index) => experimentIdOf(id, `experiment_ids[${index}]`)),
        filter: given.text('filter') ?? '',
        orderBy: given.texts('order_by'),
        view: given.choice('run_view_type', viewTypes),
        offset: offsetOf(given.text('page_token')),
        size: given.pageSize('max_results', { fallback: 1000, most: mostRuns }),
      }),
  });
}

function runName(given: Parameters): string | undefined {
  const name = given.filled('run_name');
  return name === undefined ? undefined : cut(name, limits.runTagLength);
}

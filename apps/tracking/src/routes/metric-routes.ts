import type { Sql } from '@flywheel/storage';
import { bulkHistory, sampledHistory } from '../runs/bulk-history.ts';
import { historyPage, metricHistory } from '../runs/metric-history.ts';
import { runIdOf } from '../runs/run-store.ts';
import type { Int64 } from '../wire/int64.ts';
import { listed } from '../wire/lists.ts';
import { refused } from '../wire/mlflow-errors.ts';
import { mlflowRoute } from '../wire/mlflow-route.ts';
import type { Http } from '../wire/mlflow-route.ts';
import type { Parameters } from '../wire/parameters.ts';
import { runId } from './run-routes.ts';

const mostAsked = 1_000_000_000;
const mostRuns = 100;
const mostSampled = 2500;

export function metricRoutes(http: Http, { sql }: { sql: Sql }): void {
  mlflowRoute(http, {
    name: 'get-metric-history',
    summary: 'Gives the points of a metric by time',
    method: 'GET',
    path: 'mlflow/metrics/get-history',
    handler: (given) =>
      metricHistory(sql, runIdOf(runId(given)), given.required('metric_key'), {
        token: given.text('page_token'),
        size: given.pageSize('max_results', { fallback: historyPage, most: mostAsked }),
      }),
  });
  mlflowRoute(http, {
    name: 'get-metric-history-bulk',
    summary: 'Gives the points of a metric of several runs',
    method: 'GET',
    path: 'mlflow/metrics/get-history-bulk',
    handler: async (given) => {
      const runs = given.texts('run_id');
      const name = 'GetMetricHistoryBulk request';
      if (runs.length === 0) throw refused(`${name} must specify at least one run_id.`, 'run_id');
      if (runs.length > mostRuns)
        throw refused(`${name} cannot specify more than ${mostRuns} run_ids.`, 'run_id');
      const key = given.filled('metric_key');
      if (key === undefined) throw refused(`${name} must specify a metric_key.`, 'metric_key');
      const asked = given.pageSize('max_results', { fallback: historyPage, most: mostAsked });
      const size = Math.min(asked, historyPage);
      return listed('metrics', await bulkHistory(sql, { runs, key, size }));
    },
  });
  mlflowRoute(http, {
    name: 'sample-metric-history',
    summary: 'Gives evenly spread points of a metric of several runs',
    method: 'GET',
    path: 'mlflow/metrics/get-history-bulk-interval',
    handler: async (given) => {
      const runs = given.texts('run_ids');
      const name = 'GetMetricHistoryBulkInterval request';
      if (runs.length === 0) throw refused(`${name} must specify at least one run_id.`, 'run_ids');
      if (runs.length > mostRuns)
        throw refused(`${name} must specify at most ${mostRuns} run_ids.`, 'run_ids');
      const size = given.integer('max_results') ?? mostSampled;
      if (size < 1 || size > mostSampled)
        throw refused(`max_results must be between 1 and ${mostSampled}`, 'max_results');
      const key = given.required('metric_key');
      const between = stepsBetween(given);
      return listed('metrics', await sampledHistory(sql, { runs, key, size, between }));
    },
  });
}

function stepsBetween(given: Parameters): readonly [Int64, Int64] | undefined {
  const [start, end] = [given.int64('start_step'), given.int64('end_step')];
  if (start === undefined && end === undefined) return undefined;
  if (start === undefined || end === undefined)
    throw refused(
      'If either start step or end step are specified, both must be specified.',
      'start_step',
    );
  if (start > end) throw refused('end_step must be greater than start_step', 'end_step');
  return [start, end];
}

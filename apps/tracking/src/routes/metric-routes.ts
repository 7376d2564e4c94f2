import type { Sql } from '@flywheel/storage';
import { historyPage, metricHistory } from '../runs/metric-history.ts';
import { mlflowRoute } from '../wire/mlflow-route.ts';
import type { Http } from '../wire/mlflow-route.ts';
import { runId } from './run-routes.ts';

const mostAsked = 1_000_000_000;

export function metricRoutes(http: Http, { sql }: { sql: Sql }): void {
  mlflowRoute(http, {
    name: 'get-metric-history',
    summary: 'Gives the points of a metric by time',
    method: 'GET',
    path: 'mlflow/metrics/get-history',
    handler: (given) =>
      metricHistory(sql, runId(given), given.required('metric_key'), {
        token: given.text('page_token'),
        size: given.pageSize('max_results', { fallback: historyPage, most: mostAsked }),
      }),
  });
}

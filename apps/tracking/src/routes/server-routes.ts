import { mlflowRoute } from '../wire/mlflow-route.ts';
import { mlflowErrors } from '../wire/mlflow-errors.ts';
import type { Http } from '../wire/mlflow-route.ts';

/** The release of MLflow whose API this is: clients ask it to know what they may call. */
const mlflowVersion = '3.11.1';

export function serverRoutes(http: Http): void {
  const text = (name: string, path: string, summary: string, body: string) =>
    http.route({
      service: 'tracking',
      name: `tracking.${name}`,
      summary,
      method: 'GET',
      path,
      body: 'none',
      handler: () => ({ body }),
    });
  text('get-mlflow-health', '/health', "MLflow's health check", 'OK');
  text(
    'get-mlflow-version',
    '/version',
    'The release of MLflow whose API is served',
    mlflowVersion,
  );
  mlflowRoute(http, {
    name: 'get-server-info',
    summary: 'What kind of MLflow server this is',
    method: 'GET',
    path: 'mlflow/server-info',
    version: '3.0',
    handler: () => ({ store_type: 'SqlStore', workspaces_enabled: false }),
  });
  for (const prefix of [
    '/api/2.0/mlflow',
    '/api/3.0/mlflow',
    '/ajax-api/2.0/mlflow',
    '/ajax-api/3.0/mlflow',
    '/api/2.0/mlflow-artifacts',
    '/ajax-api/2.0/mlflow-artifacts',
  ])
    http.errorShapeFor(prefix, mlflowErrors);
}

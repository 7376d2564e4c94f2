import type { ObjectStore } from '@flywheel/storage';
import { folderPath } from '../artifacts/artifact-path.ts';
import { artifactKey, listArtifacts, sendArtifactOf } from '../artifacts/artifacts-of.ts';
import type { TrackingMetrics } from '../metrics.ts';
import type { RunStore } from '../runs/run-store.ts';
import { missing, mlflowErrors, notOffered } from '../wire/mlflow-errors.ts';
import { mlflowBytesRoute, mlflowRoute } from '../wire/mlflow-route.ts';
import type { Http } from '../wire/mlflow-route.ts';
import { runId } from './run-routes.ts';

type Parts = { objects: ObjectStore; runs: RunStore; metrics: TrackingMetrics };

/** Artifacts by their run, as MLflow's web pages ask for them. */
export function runArtifactRoutes(http: Http, { objects, runs, metrics }: Parts): void {
  mlflowRoute(http, {
    name: 'list-artifacts',
    summary: 'Lists a folder of the artifacts of a run',
    method: 'GET',
    path: 'mlflow/artifacts/list',
    handler: async (given, { signal }) => {
      const run = await runs.info(runId(given));
      const folder = folderPath(given.text('path') ?? '');
      return listArtifacts(objects, run.artifact_uri, { folder, signal });
    },
  });
  mlflowRoute(http, {
    name: 'presign-upload',
    summary: 'Not offered: artifacts go through the server',
    method: 'POST',
    path: 'mlflow/artifacts/presigned-upload-url',
    handler: () => {
      throw notOffered('This server does not offer presigned addresses');
    },
  });
  for (const [name, path] of [
    ['get-artifact', '/get-artifact'],
    ['get-artifact-ajax', '/ajax-api/2.0/mlflow/get-artifact'],
  ] as const)
    http.route({
      service: 'tracking',
      name: `tracking.${name}`,
      summary: 'Gives the bytes of an artifact of a run',
      method: 'GET',
      path,
      body: 'none',
      errors: mlflowErrors,
      handler: async ({ query, signal }) => {
        const run = await runs.info(runOf(query));
        const file = query.get('path') ?? '';
        return sendArtifactOf(objects, run.artifact_uri, { path: file, metrics, signal });
      },
    });
  mlflowBytesRoute(http, {
    name: 'upload-artifact-of-run',
    summary: 'Takes the bytes of an artifact of a run',
    method: 'POST',
    path: 'mlflow/upload-artifact',
    handler: async ({ query, body, signal }) => {
      const run = await runs.info(runOf(query));
      const key = artifactKey(run.artifact_uri, query.get('path') ?? '');
      const { sizeBytes } = await objects.put(key, body, { signal });
      metrics.artifactBytes.add(sizeBytes, { direction: 'in' });
      return { body: {} };
    },
  });
}

function runOf(query: URLSearchParams): string {
  const id = query.get('run_id') ?? query.get('run_uuid') ?? '';
  if (id === '') throw missing('run_id');
  return id;
}

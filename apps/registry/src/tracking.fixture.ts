import { AppError } from '@flywheel/core';
import { defineService } from '@flywheel/runtime';
import type { Service } from '@flywheel/runtime';
import type { ObjectStore } from '@flywheel/storage';
import { z } from 'zod';

const RUN = '/api/2.0/mlflow/runs/get';
const LOGGED_MODEL = '/api/2.0/mlflow/logged-models/:model_id';

/** A tracking service that knows run `run1` and logged model `m-1`, and keeps the files it is given. */
export function aTrackingService(): Service & { files: () => ObjectStore } {
  let objects: ObjectStore | undefined;
  const service = defineService({
    name: 'tracking',
    config: z.object({}),
    start: (context) => {
      objects = context.objects;
      context.http.route({
        service: 'tracking',
        name: 'tracking.get-run',
        summary: 'Gives a run',
        method: 'GET',
        path: RUN,
        body: 'none',
        handler: ({ query }) => {
          if (query.get('run_id') !== 'run1') throw new AppError('not_found', 'no such run');
          return {
            body: {
              run: { info: { run_id: 'run1', artifact_uri: 'mlflow-artifacts:/1/run1/artifacts' } },
            },
          };
        },
      });
      context.http.route({
        service: 'tracking',
        name: 'tracking.get-logged-model',
        summary: 'Gives a logged model',
        method: 'GET',
        path: LOGGED_MODEL,
        body: 'none',
        handler: ({ params }) => {
          const id = params['model_id'];
          if (id !== 'm-1') throw new AppError('not_found', 'no such logged model');
          const artifact_uri = 'mlflow-artifacts:/1/models/m-1/artifacts';
          return {
            body: { model: { info: { model_id: id, artifact_uri, source_run_id: 'run1' } } },
          };
        },
      });
      return Promise.resolve();
    },
  });
  return Object.assign(
    { ...service },
    {
      files: () => {
        if (!objects) throw new Error('the service was not started');
        return objects;
      },
    },
  );
}

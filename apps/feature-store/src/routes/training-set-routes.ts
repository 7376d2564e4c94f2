import { AppError } from '@flywheel/core';
import { featureStore } from '@flywheel/contracts';
import type { ServiceContext } from '@flywheel/runtime';
import type { TrainingSets } from '../training/training-sets.ts';

/** Point-in-time joins: started, waited for, downloaded as Parquet. */
export function trainingSetRoutes(
  { http, publicObjects }: Pick<ServiceContext<unknown>, 'http' | 'publicObjects'>,
  trainingSets: TrainingSets,
): void {
  http.operation(featureStore.createTrainingSet, ({ body }) => trainingSets.create(body));
  http.operation(featureStore.getTrainingSet, ({ params, query }) =>
    trainingSets.get(params.id, query.waitMs),
  );
  http.route({
    service: 'feature-store',
    name: 'feature-store.download-training-set',
    summary: 'Gives the rows of a finished training set as Parquet',
    method: 'GET',
    path: '/api/feature-store/training-sets/:id/data',
    body: 'none',
    handler: async ({ params }) => {
      const set = await trainingSets.get(params['id'] ?? '', 0);
      const stored = set.data && (await publicObjects.open(set.data.objectKey));
      if (!stored)
        throw new AppError('not_found', 'the training set has no rows yet', {
          details: { state: set.state },
        });
      return {
        headers: {
          'content-type': 'application/vnd.apache.parquet',
          'content-length': String(stored.sizeBytes),
        },
        body: stored.body,
      };
    },
  });
}

import { AppError } from '@flywheel/core';
import { registry } from '@flywheel/contracts';
import type { ServiceContext } from '@flywheel/runtime';
import type { DeploymentStore } from '../deployments/deployment-store.ts';
import type { Promotions } from '../deployments/promotions.ts';
import { describeVersion } from '../models/describe-version.ts';
import type { ModelStore } from '../models/model-store.ts';

type Parts = {
  models: ModelStore;
  deployments: DeploymentStore;
  promotions: Promotions;
  /** A decision sees what was published before it was asked for: false when that could not be read in time. */
  reportsRead: () => Promise<boolean>;
};

/** Versions with digests and lineage, deployments, and the gate. */
export function registryRoutes(
  http: ServiceContext<unknown>['http'],
  { models, deployments, promotions, reportsRead }: Parts,
): void {
  http.operation(registry.getModelVersion, ({ params }) =>
    models.describeVersion(params.model, params.version),
  );
  http.operation(registry.listModels, async () => ({
    versions: (await models.allVersions()).map(describeVersion),
  }));
  http.operation(registry.deployEndpoint, ({ params, body }) =>
    deployments.deploy(params.endpoint, body),
  );
  http.operation(registry.getEndpoint, ({ params }) => deployments.get(params.endpoint));
  http.operation(registry.listEndpoints, async () => ({ endpoints: await deployments.list() }));
  http.operation(registry.listDeployments, async ({ params }) => ({
    deployments: await deployments.history(params.endpoint),
  }));
  http.operation(registry.requestPromotion, async ({ params, body }) => {
    if (!(await reportsRead()))
      throw new AppError('unavailable', 'the reports published so far could not be read in time');
    return promotions.request(params.endpoint, body);
  });
  http.operation(registry.listPromotions, async ({ params }) => ({
    promotions: await promotions.list(params.endpoint),
  }));
}

import { featureStore } from '@flywheel/contracts';
import type { ServiceContext } from '@flywheel/runtime';
import type { DefinitionStore } from '../definitions/definition-store.ts';

/** Entities, views and services: put, list, get. */
export function definitionRoutes(
  http: ServiceContext<unknown>['http'],
  definitions: DefinitionStore,
): void {
  http.operation(featureStore.putEntity, ({ params, body }) =>
    definitions.putEntity({ ...body, name: params.name }),
  );
  http.operation(featureStore.putView, ({ params, body }) =>
    definitions.putView({ ...body, name: params.name }),
  );
  http.operation(featureStore.putService, ({ params, body }) =>
    definitions.putService({ ...body, name: params.name }),
  );
  http.operation(featureStore.listDefinitions, () => definitions.list());
  http.operation(featureStore.getService, ({ params }) => definitions.storedService(params.name));
}

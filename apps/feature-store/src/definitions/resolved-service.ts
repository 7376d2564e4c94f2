import type { featureStore } from '@flywheel/contracts';
import { planWindows } from '../windows/window-plan.ts';
import type { WindowPlan } from '../windows/window-plan.ts';

export type ResolvedView = {
  readonly view: featureStore.StoredView;
  readonly entity: featureStore.StoredEntity;
  readonly plan: WindowPlan;
};

/** A feature service with all it refers to, ready to answer. */
export type ResolvedService = {
  readonly service: featureStore.FeatureService;
  readonly views: readonly ResolvedView[];
  /** Names of the vector's values, in order. */
  readonly features: readonly string[];
  /** Columns of a request besides the entities' keys. */
  readonly requestColumns: readonly string[];
};

export function resolveView(
  view: featureStore.StoredView,
  entity: featureStore.StoredEntity,
): ResolvedView {
  return { view, entity, plan: planWindows(view) };
}

/** `<view>__<feature>_<window>` for each view in turn, then the features on demand. */
export function resolveService(
  service: featureStore.FeatureService,
  views: readonly ResolvedView[],
): ResolvedService {
  const entityColumns = new Set(views.flatMap(({ entity }) => entity.keys));
  const named = [
    ...service.onDemand.map((feature) => feature.from),
    ...(service.predictionTime ? [service.predictionTime.column] : []),
  ];
  return {
    service,
    views,
    features: [
      ...views.flatMap(({ view, plan }) =>
        plan.outputs.map((output) => `${view.name}__${output.name}`),
      ),
      ...service.onDemand.map((feature) => feature.feature),
    ],
    requestColumns: [...new Set(named)].filter((column) => !entityColumns.has(column)),
  };
}

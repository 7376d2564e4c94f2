import { canonicalJson, sha256 } from '@flywheel/core';
import type { featureStore } from '@flywheel/contracts';
import { planWindows } from '../windows/window-plan.ts';
import type { WindowPlan } from '../windows/window-plan.ts';

export type ResolvedView = {
  readonly view: featureStore.StoredView;
  readonly entity: featureStore.StoredEntity;
  readonly plan: WindowPlan;
  /** Digits of all that decides which rows lie online and how: another digest never reads them. */
  readonly rowsDigest: string;
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
  const plan = planWindows(view);
  const { columns, longestMs } = plan;
  const rows = { keys: entity.keys, sources: view.sources, columns, longestMs };
  return { view, entity, plan, rowsDigest: sha256(canonicalJson(rows)).slice(0, 16) };
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
      ...views.flatMap(featureNames),
      ...service.onDemand.map((feature) => feature.feature),
    ],
    requestColumns: [...new Set(named)].filter((column) => !entityColumns.has(column)),
  };
}

export function featureNames({ view, plan }: ResolvedView): string[] {
  return plan.outputs.map((output) => `${view.name}__${output.name}`);
}

export function entitiesOf(views: readonly ResolvedView[]): featureStore.StoredEntity[] {
  return [...new Map(views.map(({ entity }) => [entity.name, entity])).values()];
}

/** What a service resolves to, for whoever reads its definition. */
export function describeService({ service, views, requestColumns }: ResolvedService) {
  return {
    features: [
      ...views.flatMap((resolved) =>
        featureNames(resolved).map((name) => ({ name, view: resolved.view.name })),
      ),
      ...service.onDemand.map((feature) => ({ name: feature.feature, view: null })),
    ],
    entities: entitiesOf(views),
    requestColumns: [...requestColumns],
  };
}

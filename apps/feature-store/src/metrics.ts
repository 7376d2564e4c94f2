import type { Metrics } from '@flywheel/runtime';

export type FeatureStoreMetrics = ReturnType<typeof declareMetrics>;

export function declareMetrics(metrics: Metrics) {
  return {
    rows: metrics.counter('feature_store_rows_total', 'Rows applied to the online store', [
      'view',
      'cause',
    ]),
    skipped: metrics.counter('feature_store_skipped_total', 'Records that gave no row', [
      'view',
      'reason',
    ]),
    vectors: metrics.counter('feature_store_vectors_total', 'Vectors read', ['service']),
    unknown: metrics.counter(
      'feature_store_unknown_entities_total',
      'Vectors with an entity that has no row',
      ['view'],
    ),
  };
}

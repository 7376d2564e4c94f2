import type { Metrics } from '@flywheel/runtime';

export type TrackingMetrics = ReturnType<typeof declareMetrics>;

export function declareMetrics(metrics: Metrics) {
  return {
    points: metrics.counter('tracking_points_total', 'Points of metrics that were new'),
    repeated: metrics.counter(
      'tracking_repeated_points_total',
      'Points of metrics that were there already',
    ),
    runs: metrics.counter('tracking_runs_total', 'Runs created'),
    artifactBytes: metrics.counter('tracking_artifact_bytes_total', 'Bytes of artifacts', [
      'direction',
    ]),
  };
}

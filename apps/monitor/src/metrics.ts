import type { Metrics } from '@flywheel/runtime';

export type MonitorMetrics = ReturnType<typeof declareMetrics>;

export function declareMetrics(metrics: Metrics) {
  return {
    predictions: metrics.counter('monitor_predictions_total', 'Predictions kept', ['endpoint']),
    labels: metrics.counter('monitor_labels_total', 'Feedback items taken', ['endpoint']),
    evidence: metrics.gauge(
      'monitor_shadow_evidence',
      'Evidence that the candidate is better (1 / always-valid p)',
      ['endpoint', 'model', 'version'],
    ),
    quality: metrics.gauge('monitor_quality', 'Quality in the newest report', [
      'endpoint',
      'model',
      'version',
      'metric',
    ]),
    drifted: metrics.gauge('monitor_drifted_features', 'Features that drift in the newest watch', [
      'endpoint',
    ]),
  };
}

import type { Metrics } from '@flywheel/runtime';

export type IngestionMetrics = ReturnType<typeof declareMetrics>;

export function declareMetrics(metrics: Metrics) {
  return {
    records: metrics.counter('ingestion_records_total', 'Records acknowledged', ['format']),
    lakeSequence: metrics.gauge(
      'ingestion_lake_sequence',
      'Number of the newest commit of the lake',
    ),
    lakeFiles: metrics.gauge('ingestion_lake_files', 'Files the lake holds'),
    lakeRecords: metrics.gauge('ingestion_lake_records', 'Records the lake holds'),
  };
}

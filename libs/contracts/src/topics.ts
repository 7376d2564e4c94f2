/** The services that own topics. */
export type Owner =
  'ingestion' | 'feature-store' | 'tracking' | 'registry' | 'trainer' | 'router' | 'monitor';

/** One row of the topic table. Topics are created from it, documented from it and checked against it. */
export type Topic = {
  readonly name: string;
  readonly owner: Owner;
  /** What the key of a message identifies: the thing whose order matters. */
  readonly key: string;
  readonly partitions: number;
  readonly cleanup: 'delete' | 'compact';
  /** Only for `delete`. */
  readonly retentionMs?: number;
};

const DAY_MS = 86_400_000;

function kept(owner: Owner, name: string, key: string, partitions: number, days: number): Topic {
  return { name, owner, key, partitions, cleanup: 'delete', retentionMs: days * DAY_MS };
}

function compacted(owner: Owner, name: string, key: string): Topic {
  return { name, owner, key, partitions: 1, cleanup: 'compact' };
}

export const topics = {
  ingestRecords: kept('ingestion', 'ingest.records', 'dataset + entity', 3, 7),
  ingestBatches: kept('ingestion', 'ingest.batches', 'dataset', 1, 365),
  ingestSnapshots: kept('ingestion', 'ingest.snapshots', 'dataset', 1, 365),
  catalogDatasets: compacted('ingestion', 'catalog.datasets', 'dataset'),
  featuresDefinitions: compacted('feature-store', 'features.definitions', 'kind + name'),
  featuresUpdates: kept('feature-store', 'features.updates', 'feature view', 3, 3),
  trackingRuns: kept('tracking', 'tracking.runs', 'run', 3, 90),
  trackingMetrics: kept('tracking', 'tracking.metrics', 'run', 3, 7),
  registryModels: kept('registry', 'registry.models', 'model', 1, 365),
  registryDeployments: compacted('registry', 'registry.deployments', 'endpoint'),
  trainingJobs: kept('trainer', 'training.jobs', 'job', 1, 90),
  trainingProgress: kept('trainer', 'training.progress', 'job', 3, 7),
  inferencePredictions: kept('router', 'inference.predictions', 'prediction', 3, 7),
  inferenceShadows: kept('router', 'inference.shadows', 'prediction', 3, 3),
  inferenceFeedback: kept('router', 'inference.feedback', 'prediction', 3, 30),
  inferenceOutcomes: kept('monitor', 'inference.outcomes', 'prediction', 3, 30),
  monitorReports: kept('monitor', 'monitor.reports', 'model version', 1, 180),
  monitorAlerts: kept('monitor', 'monitor.alerts', 'alert', 1, 180),
  auditEntries: kept('registry', 'audit.entries', 'actor', 1, 400),
} as const satisfies Record<string, Topic>;

/** Where `service` puts messages it cannot handle: the original bytes, with the reason in the headers. */
export function deadLetterTopic(service: string): Omit<Topic, 'owner'> {
  return {
    name: `dead.${service}`,
    key: 'original key',
    partitions: 1,
    cleanup: 'delete',
    retentionMs: 30 * DAY_MS,
  };
}

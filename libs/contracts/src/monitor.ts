import { z } from 'zod';
import { defineEvent } from './event.ts';
import { defineOperation } from './operation.ts';
import { count, epochMs, id, instant, interval, name, scalar, sha256Hex } from './shapes.ts';
import { evaluation } from './trainer.ts';
import { topics } from './topics.ts';

/** A prediction and what came of it. The flat `record` is a training row and a source of features like any other. */
export const outcome = z.object({
  prediction: id,
  endpoint: name,
  variant: name,
  model: name,
  version: count,
  atMs: epochMs,
  knownAtMs: epochMs,
  score: z.number().nullable(),
  label: z.number(),
  revision: count,
  /** Request features, entities and reported values, and `known_at` as an instant. */
  record: z.record(z.string(), scalar),
});
export type Outcome = z.output<typeof outcome>;

/** Up to 50 outcomes in one message. */
export const outcomesJoined = defineEvent({
  type: 'monitor.outcomes-joined',
  topic: topics.inferenceOutcomes,
  data: z.object({ endpoint: name, outcomes: z.array(outcome).min(1).max(50) }),
  key: (data) => data.outcomes[0]?.prediction ?? data.endpoint,
});

export const verdict = z.enum([
  'candidate-better',
  'champion-better',
  'non-inferior',
  'inconclusive',
]);

const latency = z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable();

/** Champion and candidate on the same requests, with labels: always-valid, so that it may be looked at any time. */
export const comparison = z.object({
  champion: z.object({ variant: name, model: name, version: count }),
  candidate: z.object({ variant: name, model: name, version: count }),
  /** Requests both answered; of these, with a label. */
  answeredPairs: count,
  pairs: count,
  coverage: z.number(),
  /** Discordant pairs: only the champion right, only the candidate right (at a threshold of 0.5 unless told). */
  championOnly: count,
  candidateOnly: count,
  method: z.string(),
  alpha: z.number(),
  /** e-value against "the champion is at least as good"; reaching 1 / alpha decides. */
  evidence: z.number(),
  /** Mean of loss(champion) - loss(candidate), log-loss per row; positive favours the candidate. */
  meanLossDifference: z.number().nullable(),
  lossDifferenceInterval: interval.nullable(),
  agreement: z.number().nullable(),
  championQuality: evaluation.nullable(),
  candidateQuality: evaluation.nullable(),
  championLatencyMs: latency,
  candidateLatencyMs: latency,
  candidateFailures: count,
  verdict,
});
export type Comparison = z.output<typeof comparison>;

export const driftFinding = z.object({
  feature: z.string(),
  method: z.string(),
  referenceRows: count,
  currentRows: count,
  effect: z.number().nullable(),
  pValue: z.number().nullable(),
  alpha: z.number(),
  minimumEffect: z.number(),
  missingRatio: z.number(),
  referenceMissingRatio: z.number(),
  verdict: z.enum(['drifted', 'not-drifted', 'insufficient-data', 'cannot-compute']),
});
export type DriftFinding = z.output<typeof driftFinding>;

export const qualityPane = z.object({
  from: instant,
  to: instant,
  predictions: count,
  labelled: count,
  quality: evaluation.nullable(),
});

export const report = z.object({
  id: z.string(),
  kind: z.enum(['comparison', 'watch']),
  endpoint: name,
  model: name,
  version: count,
  createdAt: instant,
  /** Range of prediction times it speaks of. */
  from: instant.nullable(),
  to: instant.nullable(),
  comparison: comparison.nullable(),
  drift: z.array(driftFinding),
  quality: z.array(qualityPane),
  /** SHA-256 of the canonical JSON without id, createdAt and digest: same log, same digest. */
  digest: sha256Hex,
});
export type Report = z.output<typeof report>;

export const reportPublished = defineEvent({
  type: 'monitor.report-published',
  topic: topics.monitorReports,
  data: report,
  key: (data) => `${data.model}/${data.version}`,
});

export const alert = z.object({
  id: z.string(),
  /** Equal for the same cause: endpoint, signal, feature. */
  fingerprint: id,
  state: z.enum(['firing', 'resolved']),
  signal: z.enum(['drift', 'quality']),
  severity: z.enum(['warning', 'critical']),
  endpoint: name,
  model: name,
  version: count,
  feature: z.string().nullable(),
  summary: z.string(),
  value: z.number().nullable(),
  threshold: z.number().nullable(),
  at: instant,
  report: z.string(),
});
export type Alert = z.output<typeof alert>;

export const alertChanged = defineEvent({
  type: 'monitor.alert-changed',
  topic: topics.monitorAlerts,
  data: alert,
  key: (data) => data.fingerprint,
});

const byEndpoint = z.object({ endpoint: name });

/** What to compare with and how many false alarms a month are allowed. The profile is made from a training set. */
export const putReference = defineOperation({
  name: 'monitor.put-reference',
  service: 'monitor',
  method: 'PUT',
  path: '/api/monitor/endpoints/:endpoint/reference',
  summary: 'Freezes the reference profile of an endpoint from a training set and sets its budgets',
  params: byEndpoint,
  body: z.object({
    trainingSet: z.string(),
    from: instant.optional(),
    to: instant.optional(),
    falseAlarmsPerMonth: z.number().positive().default(1),
    minimumEffect: z.number().positive().default(0.1),
    /** Alert when the log-loss of a window exceeds the reference by more than this ratio and its interval excludes it. */
    maximumLossIncrease: z.number().positive().default(0.1),
  }),
  reply: z.object({ endpoint: name, features: count, rows: count, digest: sha256Hex }),
});

/** Pairs champion and candidate over all requests with prediction time in [from, to) and publishes the report. */
export const compareVariants = defineOperation({
  name: 'monitor.compare-variants',
  service: 'monitor',
  method: 'POST',
  path: '/api/monitor/endpoints/:endpoint/comparisons',
  idempotent: true,
  summary: 'Compares a candidate with the champion on the same requests and publishes the report',
  params: byEndpoint,
  body: z.object({
    candidate: z.object({ model: name, version: z.number().int().positive() }),
    from: instant.optional(),
    to: instant.optional(),
    alpha: z.number().gt(0).lt(0.5).default(0.05),
  }),
  reply: report,
});

/** Drift of every feature and quality over time for prediction times in [from, to); publishes report and alerts. */
export const watchEndpoint = defineOperation({
  name: 'monitor.watch-endpoint',
  service: 'monitor',
  method: 'POST',
  path: '/api/monitor/endpoints/:endpoint/watches',
  idempotent: true,
  summary:
    'Checks drift and quality of a window, publishes the report and raises alerts within the budget',
  params: byEndpoint,
  body: z.object({
    from: instant,
    to: instant,
    paneHours: z.number().int().min(1).max(720).default(168),
  }),
  reply: z.object({ report, alerts: z.array(alert) }),
});

export const listReports = defineOperation({
  name: 'monitor.list-reports',
  service: 'monitor',
  method: 'GET',
  path: '/api/monitor/reports',
  summary: 'Lists reports, newest first',
  query: z.object({ endpoint: name.optional() }),
  reply: z.object({ reports: z.array(report) }),
});

export const getReport = defineOperation({
  name: 'monitor.get-report',
  service: 'monitor',
  method: 'GET',
  path: '/api/monitor/reports/:report',
  summary: 'Gives a report by its id',
  params: z.object({ report: z.string().min(1) }),
  reply: report,
});

export const listAlerts = defineOperation({
  name: 'monitor.list-alerts',
  service: 'monitor',
  method: 'GET',
  path: '/api/monitor/alerts',
  summary: 'Lists alerts, newest first',
  query: z.object({ endpoint: name.optional(), state: z.enum(['firing', 'resolved']).optional() }),
  reply: z.object({ alerts: z.array(alert) }),
});

/** Counts of the joiner. predictions = labelled + pending; feedback waiting for its prediction is `early`. */
export const getJoinStatus = defineOperation({
  name: 'monitor.get-join-status',
  service: 'monitor',
  method: 'GET',
  path: '/api/monitor/endpoints/:endpoint/join',
  summary:
    'Tells how many predictions have met their outcome; waits up to `waitMs` for `labelled` of them and the telling of their outcomes',
  params: byEndpoint,
  query: z.object({
    labelled: z.coerce.number().int().min(0).default(0),
    waitMs: z.coerce.number().int().min(0).max(30_000).default(0),
  }),
  reply: z.object({
    predictions: count,
    labelled: count,
    pending: count,
    early: count,
    duplicates: count,
    shadows: z.record(z.string(), count),
    streams: z.array(
      z.object({ topic: z.string(), partition: count, position: z.string(), end: z.string() }),
    ),
  }),
});

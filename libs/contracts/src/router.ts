import { z } from 'zod';
import { defineEvent } from './event.ts';
import { defineOperation } from './operation.ts';
import { count, epochMs, finiteOrNull, id, instant, name, ratio, scalar } from './shapes.ts';
import { role } from './registry.ts';
import { topics } from './topics.ts';

/** One decision of the router and what came out of it. */
export const prediction = z.object({
  id: z.string().min(1),
  /** Id of the request that carried the row, as the caller gave it or as the router made it. */
  request: z.string(),
  endpoint: name,
  revision: count,
  variant: name,
  role,
  model: name,
  version: count,
  /** Probability with which the policy in force picks this variant. */
  propensity: ratio,
  /** The prediction time: simulated or real, never later than what the features know. */
  atMs: epochMs,
  /** When the router answered, wall clock. */
  answeredMs: epochMs,
  /** From the request's arrival to its answer, features joined. */
  latencyMs: z.number().nonnegative(),
  /** What the model itself took for the row: comparable with a shadow's. */
  modelMs: z.number().nonnegative().nullable(),
  status: z.enum(['answered', 'failed']),
  error: z.string().nullable(),
  entities: z.record(z.string(), scalar),
  requestFeatures: z.record(z.string(), scalar),
  /** The vector the model was asked with, in the order of `features` of the batch. */
  vector: z.array(finiteOrNull),
  score: z.number().nullable(),
});
export type Prediction = z.output<typeof prediction>;

/**
 * Up to 50 predictions in one message (the firehose: headers would cost more than the payload). `sequence` grows by one
 * per message of an instance, so that a reader sees a gap.
 */
export const predictionsLogged = defineEvent({
  type: 'router.predictions-logged',
  topic: topics.inferencePredictions,
  data: z.object({
    instance: z.string(),
    sequence: count,
    endpoint: name,
    features: z.array(z.string()),
    predictions: z.array(prediction).min(1).max(50),
  }),
  key: (data) => data.predictions[0]?.id ?? data.instance,
});
export type PredictionBatch = z.output<typeof predictionsLogged.data>;

/** What became of one eligible request at one shadow. Exactly one of these per (prediction, shadow). */
export const shadowPrediction = z.object({
  prediction: id,
  endpoint: name,
  variant: name,
  model: name,
  version: count,
  atMs: epochMs,
  status: z.enum(['answered', 'failed', 'shed', 'unsampled']),
  /** Why it was shed or failed. */
  reason: z.string().nullable(),
  score: z.number().nullable(),
  /** What the model took for the row. */
  modelMs: z.number().nullable(),
  /** Score and model time of the variant that answered the caller, for pairing. */
  answered: z.object({
    variant: name,
    model: name,
    version: count,
    score: z.number().nullable(),
    modelMs: z.number().nullable(),
  }),
});
export type ShadowPrediction = z.output<typeof shadowPrediction>;

export const shadowPredictionsLogged = defineEvent({
  type: 'router.shadow-predictions-logged',
  topic: topics.inferenceShadows,
  data: z.object({ endpoint: name, predictions: z.array(shadowPrediction).min(1).max(50) }),
  key: (data) => data.predictions[0]?.prediction ?? data.endpoint,
});

/** What callers report later. A higher revision of the same prediction replaces the lower. */
export const feedback = z.object({
  id: z.string().min(1).max(200),
  prediction: z.string().min(1).max(200),
  endpoint: name,
  /** 0 or 1 for a class, anything between for a reward. */
  label: ratio,
  /** Further facts that came to be known, for instance `{ "delay": 23 }`. */
  values: z.record(z.string(), scalar).default({}),
  /** When the outcome was known; nothing may see it earlier. */
  knownAt: instant,
  revision: count.default(0),
  source: z.string().max(200).default(''),
});
export type Feedback = z.output<typeof feedback>;

export const feedbackReceived = defineEvent({
  type: 'router.feedback-received',
  topic: topics.inferenceFeedback,
  data: feedback,
  key: (data) => data.prediction,
});

/** Acknowledged when the log has it. */
export const sendFeedback = defineOperation({
  name: 'router.send-feedback',
  service: 'router',
  method: 'POST',
  path: '/api/router/feedback',
  idempotent: true,
  summary: 'Reports outcomes of predictions; acknowledged once they are in the log',
  body: z.object({
    items: z
      .array(feedback.extend({ id: feedback.shape.id.optional(), knownAt: instant.optional() }))
      .min(1)
      .max(5000),
  }),
  reply: z.object({ accepted: count, ids: z.array(z.string()) }),
  status: 202,
});

export const shadowBooks = z.object({
  eligible: count,
  sampled: count,
  unsampled: count,
  sent: count,
  shed: z.record(z.string(), count),
  answered: count,
  failed: z.record(z.string(), count),
});
export type ShadowBooks = z.output<typeof shadowBooks>;

export const endpointStatus = z.object({
  endpoint: name,
  revision: count,
  ready: z.boolean(),
  variants: z.array(
    z.object({ name, role, model: name, version: count, weight: ratio, loaded: z.boolean() }),
  ),
  requests: z.object({ answered: count, failed: count, rows: count }),
  latencyMs: z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable(),
  /** accepted = acked + pending + dropped. */
  log: z.object({ accepted: count, acked: count, pending: count, dropped: count }),
  /** By shadow variant, since its first request. */
  shadows: z.record(z.string(), shadowBooks),
  /** Messages of the prediction log that the shadow runners have not handled yet; the books are final at 0. */
  shadowLag: count,
});

export const getEndpointStatus = defineOperation({
  name: 'router.get-endpoint-status',
  service: 'router',
  method: 'GET',
  path: '/api/router/endpoints/:endpoint',
  summary: 'Looks inside a running endpoint: variants, latency, log and shadow books',
  params: z.object({ endpoint: name }),
  reply: endpointStatus,
});

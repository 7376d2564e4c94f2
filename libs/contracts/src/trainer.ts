import { z } from 'zod';
import { defineEvent } from './event.ts';
import { defineOperation } from './operation.ts';
import { count, id, instant, interval, name, sha256Hex } from './shapes.ts';
import { topics } from './topics.ts';

export const algorithm = z.enum(['gradient-boosting', 'logistic-regression']);

/** All that determines the bytes of the result; the run key is its SHA-256. */
export const trainingSpec = z.object({
  algorithm,
  params: z.record(z.string(), z.number()).default({}),
  trainingSet: z.string(),
  /** Rows with prediction_time before `validFrom` train, up to `testFrom` validate, the rest test. */
  split: z.object({ validFrom: instant, testFrom: instant.optional() }),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(1),
  /** Commit of the code that trains; a dirty tree is refused for release jobs. */
  code: z.object({ commit: z.string().min(7).max(64), dirty: z.boolean() }),
});
export type TrainingSpec = z.output<typeof trainingSpec>;

export const evaluation = z.object({
  rows: count,
  auc: z.number(),
  aucInterval: interval,
  logLoss: z.number(),
  brier: z.number(),
});

export const jobState = z.enum([
  'proposed',
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'declined',
]);

export const job = z.object({
  id,
  name: z.string(),
  state: jobState,
  /** What asked for it: a person, or the alert whose proposal it is. */
  cause: z.object({
    kind: z.enum(['request', 'alert']),
    reference: z.string().nullable(),
    reason: z.string(),
  }),
  release: z.boolean(),
  spec: trainingSpec.nullable(),
  runKey: sha256Hex.nullable(),
  attempt: count,
  createdAt: instant,
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  error: z.string().nullable(),
  /** Only of a job that succeeded. */
  result: z
    .object({
      run: z.string(),
      /** True when an earlier job with the same run key had already made these bytes. */
      cached: z.boolean(),
      model: z.object({ name, version: count }).nullable(),
      artifactUri: z.string(),
      onnxSha256: sha256Hex,
      parity: z.object({ rows: count, different: count }),
      validation: evaluation,
      test: evaluation.nullable(),
      seconds: z.number(),
    })
    .nullable(),
});
export type Job = z.output<typeof job>;

/** Every transition of a job, with its whole state. */
export const jobChanged = defineEvent({
  type: 'trainer.job-changed',
  topic: topics.trainingJobs,
  data: job,
  key: (data) => data.id,
});

export const progressReported = defineEvent({
  type: 'trainer.progress-reported',
  topic: topics.trainingProgress,
  data: z.object({
    job: id,
    iteration: count,
    iterations: count,
    metrics: z.record(z.string(), z.number()),
  }),
  key: (data) => data.job,
});

export const submitJob = defineOperation({
  name: 'trainer.submit-job',
  service: 'trainer',
  method: 'POST',
  path: '/api/trainer/jobs',
  idempotent: true,
  summary:
    'Queues a training job; the same run key and `registerAs` attach to the job that is running or done',
  body: z.object({
    name,
    experiment: z.string().min(1).max(500),
    spec: trainingSpec,
    release: z.boolean().default(false),
    /** Registers the result as a version of this model. */
    registerAs: name.optional(),
    /** Trains again although a result with this run key exists (the bytes must come out equal). */
    rebuild: z.boolean().default(false),
  }),
  reply: job,
  status: 202,
});

const byJob = z.object({ job: z.string().min(1) });
const wait = z.object({ waitMs: z.coerce.number().int().min(0).max(30_000).default(0) });

export const getJob = defineOperation({
  name: 'trainer.get-job',
  service: 'trainer',
  method: 'GET',
  path: '/api/trainer/jobs/:job',
  summary: 'Gives a job; waits up to `waitMs` for it to finish',
  params: byJob,
  query: wait,
  reply: job,
});

export const listJobs = defineOperation({
  name: 'trainer.list-jobs',
  service: 'trainer',
  method: 'GET',
  path: '/api/trainer/jobs',
  summary: 'Lists jobs, newest first',
  query: z.object({ state: jobState.optional() }),
  reply: z.object({ jobs: z.array(job) }),
});

export const cancelJob = defineOperation({
  name: 'trainer.cancel-job',
  service: 'trainer',
  method: 'POST',
  path: '/api/trainer/jobs/:job/cancel',
  summary: 'Cancels a job that is queued or running, or declines a proposal',
  params: byJob,
  reply: job,
});

export const searchParameter = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('float'),
    low: z.number(),
    high: z.number(),
    log: z.boolean().default(false),
  }),
  z.object({
    kind: z.literal('int'),
    low: z.number().int(),
    high: z.number().int(),
    log: z.boolean().default(false),
  }),
]);

export const study = z.object({
  id: z.string(),
  name: z.string(),
  state: z.enum(['running', 'succeeded', 'failed', 'cancelled']),
  algorithm,
  experiment: z.string(),
  seed: count,
  trialsWanted: count,
  error: z.string().nullable(),
  trials: z.array(
    z.object({
      number: count,
      run: z.string(),
      state: z.enum(['running', 'complete', 'pruned', 'failed']),
      params: z.record(z.string(), z.number()),
      /** Log-loss on the validation rows. */
      value: z.number().nullable(),
      seconds: z.number().nullable(),
    }),
  ),
  best: z
    .object({ number: count, params: z.record(z.string(), z.number()), value: z.number() })
    .nullable(),
});
export type Study = z.output<typeof study>;

export const createStudy = defineOperation({
  name: 'trainer.create-study',
  service: 'trainer',
  method: 'POST',
  path: '/api/trainer/studies',
  idempotent: true,
  summary:
    'Starts a hyperparameter study: every trial is a run in tracking; the same request attaches to the study that is running or done',
  body: z.object({
    name,
    experiment: z.string().min(1).max(500),
    algorithm,
    trainingSet: z.string(),
    split: trainingSpec.shape.split,
    space: z.record(z.string(), searchParameter),
    /** Parameters that stay as they are. */
    fixed: z.record(z.string(), z.number()).default({}),
    trials: z.number().int().min(1).max(1000),
    /** Trials train on at most so many rows, sampled by a hash of the row's place. */
    maximumRows: z.number().int().positive().optional(),
    seed: z
      .number()
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(1),
  }),
  reply: study,
  status: 202,
});

export const getStudy = defineOperation({
  name: 'trainer.get-study',
  service: 'trainer',
  method: 'GET',
  path: '/api/trainer/studies/:study',
  summary: 'Gives a study with its trials; waits up to `waitMs` for its next trial or its end',
  params: z.object({ study: z.string().min(1) }),
  query: wait,
  reply: study,
});

import { z } from 'zod';
import { defineEvent } from './event.ts';
import { epochMs, id } from './shapes.ts';
import { topics } from './topics.ts';

/** A run was created or changed: its whole small state. Metrics travel on their own topic. */
export const runChanged = defineEvent({
  type: 'tracking.run-changed',
  topic: topics.trackingRuns,
  data: z.object({
    run: id,
    experiment: z.string(),
    name: z.string(),
    status: z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']),
    lifecycle: z.enum(['active', 'deleted']),
    startMs: epochMs,
    endMs: epochMs.nullable(),
    params: z.record(z.string(), z.string()),
    tags: z.record(z.string(), z.string()),
    /** Long values are cut and, past some 400 kB, left out: a record has to fit its topic. */
    isShortened: z.boolean().default(false),
  }),
  key: (data) => data.run,
});

/** A 64-bit integer: a number where a double holds it exactly, else its digits. */
const int64 = z.union([z.number().int(), z.string().regex(/^-?\d{16,19}$/)]);

/** Points of metrics as they were logged; a value that is not finite is the string NaN, Infinity or -Infinity. */
export const metricsLogged = defineEvent({
  type: 'tracking.metrics-logged',
  topic: topics.trackingMetrics,
  data: z.object({
    run: id,
    points: z
      .array(
        z.object({
          key: z.string(),
          value: z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]),
          timestampMs: int64,
          step: int64,
        }),
      )
      .max(1000),
  }),
  key: (data) => data.run,
});

/**
 * Where an artifact URI lies in the object store: `mlflow-artifacts:/1/ab12/artifacts/model` is
 * `tracking/artifacts/1/ab12/artifacts/model`. Every service may read it; tracking alone writes it.
 */
export function artifactObjectKey(uri: string): string | undefined {
  const match = /^mlflow-artifacts:\/{1,3}(?:[^/]*:\d+\/)?(.+)$/.exec(uri);
  return match?.[1] === undefined
    ? undefined
    : `tracking/artifacts/${match[1].replace(/\/+$/, '')}`;
}

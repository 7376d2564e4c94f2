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
  }),
  key: (data) => data.run,
});

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
          timestampMs: epochMs,
          step: z.number().int(),
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

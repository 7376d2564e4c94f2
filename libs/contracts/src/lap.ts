import { z } from 'zod';
import { count, interval, name, sha256Hex } from './shapes.ts';
import { alert } from './monitor.ts';
import { shadowBooks } from './router.ts';

const lapModel = z.object({
  name,
  version: count,
  digest: sha256Hex,
  /** Quality on flights that no training saw. */
  auc: z.number(),
  aucInterval: interval,
  logLoss: z.number(),
  brier: z.number(),
});

/** The object that `flywheel lap --json` prints on standard output. */
export const lapReport = z.object({
  ok: z.boolean(),
  rows: count,
  seconds: z.number(),
  steps: z.array(
    z.object({
      name: z.string(),
      ok: z.boolean(),
      seconds: z.number(),
      facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    }),
  ),
  models: z.object({ champion: lapModel, candidate: lapModel }).nullable(),
  promotion: z
    .object({
      promoted: z.boolean(),
      method: z.string(),
      evidence: z.number(),
      samples: count,
      failedRequests: count,
    })
    .nullable(),
  serving: z
    .object({
      requests: count,
      /** Never answered. */
      failed: count,
      /** Attempts that failed and were tried again: a service was away. */
      retried: count.default(0),
      p50Ms: z.number(),
      p99Ms: z.number(),
    })
    .nullable(),
  shadows: shadowBooks.nullable(),
  /** Messages per topic. */
  events: z.record(z.string(), count),
  /** Acknowledged events that are not in the log. */
  dropped: count,
  alerts: z.array(alert),
  addresses: z.record(z.string(), z.string()),
});
export type LapReport = z.output<typeof lapReport>;

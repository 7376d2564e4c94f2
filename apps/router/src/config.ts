import { z } from 'zod';

export const config = z.object({
  ROUTER_SPOOL_BYTES: z.coerce
    .number()
    .int()
    .min(1_000_000)
    .default(512 * 1024 * 1024)
    .describe(
      'disk for predictions the log has not taken yet; beyond it the newest are given up and counted',
    ),
  ROUTER_MODEL_WORKERS: z.coerce
    .number()
    .int()
    .min(1)
    .default(1)
    .describe('threads for slow models'),
  ROUTER_SHADOW_WORKERS: z.coerce
    .number()
    .int()
    .min(1)
    .default(1)
    .describe('threads for shadows, apart from those that answer'),
});

import { z } from 'zod';

export const config = z.object({
  FEATURE_STORE_JOIN_MEMORY_MB: z.coerce
    .number()
    .int()
    .min(256)
    .default(3000)
    .describe('memory of one point-in-time join; beyond it the join spills to disk'),
  FEATURE_STORE_JOIN_THREADS: z.coerce
    .number()
    .int()
    .min(1)
    .default(2)
    .describe('threads of one point-in-time join'),
});

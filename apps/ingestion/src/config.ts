import { z } from 'zod';

export const config = z.object({
  INGESTION_FLUSH_MS: z.coerce
    .number()
    .int()
    .min(100)
    .default(5000)
    .describe('longest time that read records wait before they are written to the lake'),
  INGESTION_CONCURRENT_REQUESTS: z.coerce
    .number()
    .int()
    .min(1)
    .default(32)
    .describe('requests that bring records at the same time; more are answered 429'),
  INGESTION_BODY_BYTES: z.coerce
    .number()
    .int()
    .min(1024)
    .default(4 * 1024 ** 3)
    .describe('largest request body'),
});

import { z } from 'zod';

export const config = z.object({
  REGISTRY_REPORT_WAIT_MS: z.coerce
    .number()
    .int()
    .min(0)
    .default(5000)
    .describe('longest time a promotion waits for reports that were published before it'),
});

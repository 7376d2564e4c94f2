import { z } from 'zod';

export const config = z.object({
  TRAINER_LOAD_MEMORY_MB: z.coerce
    .number()
    .int()
    .min(128)
    .default(1024)
    .describe('memory for reading a training set; the rows themselves lie outside it'),
});

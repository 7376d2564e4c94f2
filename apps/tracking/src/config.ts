import { z } from 'zod';

/** Nothing to set: limits are those of MLflow's API. */
export const config = z.object({});

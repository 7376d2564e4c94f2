import { z } from 'zod';

/** Nothing to set: budgets belong to endpoints and are put with their references. */
export const config = z.object({});

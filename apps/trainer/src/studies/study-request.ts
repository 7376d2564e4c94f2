import type { trainer } from '@flywheel/contracts';
import type { z } from 'zod';

export type StudyRequest = z.output<NonNullable<typeof trainer.createStudy.body>>;

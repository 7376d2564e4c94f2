import type { ErrorCode, ErrorDetails } from '@flywheel/core';
import type { TrainResult } from './train.ts';
import type { TrainingProgress } from './training-progress.ts';

/** What the training worker posts: any number of progress messages, then one result or one failure. */
export type WorkerMessage =
  | { readonly kind: 'progress'; readonly progress: TrainingProgress }
  | { readonly kind: 'result'; readonly result: TrainResult }
  | {
      readonly kind: 'failure';
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: ErrorDetails | undefined;
      readonly stack: string | undefined;
    };

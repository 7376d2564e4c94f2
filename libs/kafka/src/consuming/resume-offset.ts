import { setTimeout as delay } from 'node:timers/promises';
import { type AppError, type Logger, toAppError } from '@flywheel/core';

const attempts = 20;

/** Asks the sink for its offset until it answers; undefined if it never did, and then the process must stop. */
export async function resumeOffset(
  ask: () => Promise<bigint | undefined>,
  options: { log: Logger; isOver: () => boolean; onFailed: (error: AppError) => void },
): Promise<{ offset: bigint | undefined } | undefined> {
  for (let attempt = 1; !options.isOver(); attempt++) {
    try {
      return { offset: await ask() };
    } catch (thrown) {
      const err = toAppError(thrown);
      options.log.warn({ err, attempt }, 'a sink did not say where to resume');
      if (attempt === attempts || !err.retryable) {
        options.onFailed(err);
        return undefined;
      }
      await delay(Math.min(5000, 100 * 2 ** attempt));
    }
  }
  return undefined;
}

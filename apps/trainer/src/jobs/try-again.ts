import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@flywheel/core';
import type { Logger } from '@flywheel/core';

export type Retries = {
  /** Before each further try; with none left, the error stands. */
  readonly waitsMs: readonly number[];
  /** Ends a wait at once. */
  readonly signal: AbortSignal;
  readonly log: Logger;
};

/** Runs `work` again after an error that may pass: what it asked was away, not full. */
export async function tryAgain<T>(
  work: () => Promise<T>,
  { waitsMs, signal, log }: Retries,
): Promise<T> {
  for (const waitMs of waitsMs) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error)) throw error;
      signal.throwIfAborted();
      log.warn({ err: error, waitMs }, 'something was away; it is tried again');
      await pause(waitMs, signal);
    }
  }
  return await work();
}

function mayPass(error: unknown): boolean {
  return (
    error instanceof AppError &&
    (error.code === 'unavailable' || error.code === 'deadline_exceeded')
  );
}

async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(waitMs, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { toAppError } from '@flywheel/core';
import type { AppError } from '@flywheel/core';

/** How one attempt ended; `isSent` is false only if no byte of the request can have left. */
export type Attempt<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: AppError; readonly isSent: boolean };

export type RetryOptions = {
  /** Whether what was sent may be sent again. */
  readonly mayRepeat: boolean;
  /** Until the deadline instead of a few times. */
  readonly isPatient?: boolean | undefined;
  readonly signal: AbortSignal;
  /** On the clock of `performance.now`; no wait goes past it. */
  readonly deadlineMs: number;
  /** Between 0 and 1, for jitter. */
  readonly draw: () => number;
  onRetry?(error: AppError, attempt: number): void;
};

const MOST_ATTEMPTS = 3;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 1000;

/**
 * Tries again what may be tried again without doing it twice: any request that was never sent, and those that may be
 * repeated after a retryable error. Waits grow and are jittered; `retryAfterMs` of the error is respected.
 */
export async function withRetries<T>(
  options: RetryOptions,
  attempt: () => Promise<Attempt<T>>,
): Promise<T> {
  for (let number = 1; ; number++) {
    const result = await attempt();
    if (result.kind === 'done') return result.value;
    const { error } = result;
    const mayRepeat = !result.isSent || (options.mayRepeat && error.retryable);
    const isLast = number >= MOST_ATTEMPTS && options.isPatient !== true;
    const waitMs = waitBefore(number, error, options.draw());
    if (!mayRepeat || isLast || performance.now() + waitMs >= options.deadlineMs) throw error;
    options.onRetry?.(error, number);
    await pause(waitMs, options.signal);
  }
}

function waitBefore(number: number, error: AppError, draw: number): number {
  const growing = Math.min(FIRST_WAIT_MS * 2 ** (number - 1), LONGEST_WAIT_MS) * (0.5 + draw / 2);
  const asked = error.details?.['retryAfterMs'];
  return typeof asked === 'number' ? Math.max(asked, growing) : growing;
}

async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(waitMs, undefined, { signal });
  } catch {
    throw toAppError(signal.reason);
  }
}

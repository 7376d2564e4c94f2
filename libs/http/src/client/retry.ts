import { setTimeout as delay } from 'node:timers/promises';
import type { HttpMethod } from '@flywheel/contracts';
import { toAppError } from '@flywheel/core';
import type { AppError } from '@flywheel/core';

/** How one attempt ended; `isSent` is false only if no byte of the request can have left. */
export type Attempt<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: AppError; readonly isSent: boolean };

export type RetryOptions = {
  readonly method: HttpMethod;
  readonly signal: AbortSignal;
  /** On the clock of `performance.now`; no wait goes past it. */
  readonly deadlineMs: number;
  /** Between 0 and 1, for jitter. */
  readonly draw: () => number;
  onRetry?(error: AppError, attempt: number): void;
};

const MOST_ATTEMPTS = 3;
const FIRST_WAIT_MS = 50;

/**
 * Tries again what may be tried again without doing it twice: any request that was never sent, and GET, PUT and
 * DELETE after a retryable error. Waits grow and are jittered; `retryAfterMs` of the error is respected.
 */
export async function withRetries<T>(
  options: RetryOptions,
  attempt: () => Promise<Attempt<T>>,
): Promise<T> {
  for (let number = 1; ; number++) {
    const result = await attempt();
    if (result.kind === 'done') return result.value;
    const { error } = result;
    const mayRepeat = !result.isSent || (isIdempotent(options.method) && error.retryable);
    const waitMs = waitBefore(number, error, options.draw());
    if (!mayRepeat || number >= MOST_ATTEMPTS || performance.now() + waitMs >= options.deadlineMs)
      throw error;
    options.onRetry?.(error, number);
    await pause(waitMs, options.signal);
  }
}

function isIdempotent(method: HttpMethod): boolean {
  return method === 'GET' || method === 'PUT' || method === 'DELETE';
}

function waitBefore(number: number, error: AppError, draw: number): number {
  const growing = FIRST_WAIT_MS * 2 ** (number - 1) * (0.5 + draw / 2);
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

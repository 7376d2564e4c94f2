import { type AppError, toAppError } from '@flywheel/core';

/** What became of a message, and so what the bus does: commit, commit after a dead letter, stop, or neither. */
export type Delivery =
  | { readonly kind: 'handled' }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'dead'; readonly error: AppError; readonly attempts: number }
  | { readonly kind: 'exhausted'; readonly error: AppError; readonly attempts: number }
  | { readonly kind: 'cancelled' };

export type DeliveryPolicy = {
  /** Tries while the error is retryable; then the process must stop, for the message cannot be skipped. */
  readonly retryableAttempts: number;
  /** Tries while the error is a bug of ours; then dead letter. */
  readonly bugAttempts: number;
  readonly firstWaitMs: number;
  readonly maxWaitMs: number;
};

/** About two minutes of retries for a dependency that is away; three quick tries for a bug. */
export const defaultPolicy: DeliveryPolicy = {
  retryableAttempts: 12,
  bugAttempts: 3,
  firstWaitMs: 100,
  maxWaitMs: 30_000,
};

export type DeliveryContext = {
  readonly policy: DeliveryPolicy;
  readonly signal: AbortSignal;
  /** Resolves after the time, or at once when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Uniform in [0, 1). */
  readonly draw: () => number;
  readonly onRetry: (error: AppError, attempt: number, waitMs: number) => void;
};

/** Runs `work` by the table of outcomes. It never throws: what `work` throws decides what is returned. */
export async function deliver(
  work: (skip: (reason: string) => void) => Promise<void> | void,
  context: DeliveryContext,
): Promise<Delivery> {
  const { policy, signal } = context;
  for (let attempt = 1; ; attempt++) {
    if (isOver(signal)) return { kind: 'cancelled' };
    let skipped: string | undefined;
    try {
      await work((reason) => (skipped = reason));
      return skipped === undefined ? { kind: 'handled' } : { kind: 'skipped', reason: skipped };
    } catch (thrown) {
      if (isOver(signal)) return { kind: 'cancelled' };
      const error = toAppError(thrown);
      const isBug = error.code === 'internal' || error.code === 'cancelled';
      if (!error.retryable && !isBug) return { kind: 'dead', error, attempts: attempt };
      if (isBug && attempt >= policy.bugAttempts) return { kind: 'dead', error, attempts: attempt };
      if (!isBug && attempt >= policy.retryableAttempts)
        return { kind: 'exhausted', error, attempts: attempt };
      const waitMs = waitAfter(attempt, policy, context.draw());
      context.onRetry(error, attempt, waitMs);
      await context.wait(waitMs, signal);
    }
  }
}

/** Doubles from the first wait to the longest, the upper half of it drawn. */
export function waitAfter(attempt: number, policy: DeliveryPolicy, draw: number): number {
  const fullMs = Math.min(policy.maxWaitMs, policy.firstWaitMs * 2 ** (attempt - 1));
  return fullMs * (0.5 + draw / 2);
}

/** A call, because the compiler believes that what was false before an await is false after it. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

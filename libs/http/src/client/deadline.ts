import { AppError, toAppError } from '@flywheel/core';

export type DeadlineOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  /** What the error tells. */
  readonly details: Readonly<Record<string, unknown>>;
};

/**
 * Runs `work` until it settles, the time is over (`deadline_exceeded`) or the caller gives up (`cancelled`); in
 * the latter cases at once, whether or not `work` heeds its signal.
 */
export async function withDeadline<T>(
  options: DeadlineOptions,
  work: (signal: AbortSignal, deadlineMs: number) => Promise<T>,
): Promise<T> {
  const { signal: outer, timeoutMs, details } = options;
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(
      new AppError('deadline_exceeded', 'deadline exceeded', {
        details: { ...details, timeoutMs },
      }),
    );
  }, timeoutMs);
  const onAbort = () => controller.abort(toAppError(outer?.reason));
  const { signal } = controller;
  try {
    if (outer?.aborted) onAbort();
    outer?.addEventListener('abort', onAbort, { once: true });
    signal.throwIfAborted();
    return await Promise.race([
      abortion(signal),
      work(signal, performance.now() + timeoutMs).catch((thrown: unknown) => {
        signal.throwIfAborted();
        throw thrown;
      }),
    ]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', onAbort);
  }
}

function abortion(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as AppError), { once: true });
  });
}

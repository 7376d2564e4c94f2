import { setTimeout as delay } from 'node:timers/promises';
import { toAppError } from '@flywheel/core';
import type { Logger } from '@flywheel/core';

/** About two minutes, as a handler of events gets. */
const ATTEMPTS = 17;
const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 10_000;

/** Does `work` again while what it needs is away; throws when that takes too long, or once `signal` is aborted. */
export async function patiently<T>(
  work: () => Promise<T>,
  { log, signal }: { log: Logger; signal: AbortSignal },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (err) {
      if (!toAppError(err).retryable || attempt === ATTEMPTS || signal.aborted) throw err;
      const waitMs = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
      log.warn({ err, attempt, waitMs }, 'the lake could not be written and is tried again');
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

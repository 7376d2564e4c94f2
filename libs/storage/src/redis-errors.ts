import { AppError } from '@flywheel/core';

const away =
  /ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|Connection is closed|max retries per request|Failed to refresh slots|None of startup nodes|Stream isn't writeable|^(LOADING|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|READONLY|BUSY)\b/;

/** Redis and its client tell the kind of an error in the words of its message. */
export function toRedisError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { code } = error as NodeJS.ErrnoException;
  if (error.message.startsWith('Command timed out'))
    return new AppError('deadline_exceeded', 'the online store was too slow', { cause: error });
  if (error.message.startsWith('OOM'))
    return new AppError('resource_exhausted', 'the online store is full', { cause: error });
  if (away.test(error.message) || away.test(code ?? '') || error.name === 'ClusterAllFailedError')
    return new AppError('unavailable', 'the online store did not answer', { cause: error });
  return new AppError('internal', 'the online store refused the call', { cause: error });
}

import { AppError, invalid } from '@flywheel/core';

type S3Error = Error & { code?: string; $metadata?: { httpStatusCode?: number } };

const away =
  /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|TimeoutError|NetworkingError)/;

export function toS3Error(thrown: unknown, key: string): unknown {
  if (thrown instanceof AppError || !(thrown instanceof Error)) return thrown;
  const options = { details: { key }, cause: thrown };
  if (thrown.name === 'AbortError') return new AppError('cancelled', 'cancelled', options);
  const { code } = thrown as S3Error;
  const status = statusOf(thrown);
  if (status === undefined && !(code && away.test(code)) && !away.test(thrown.name)) return thrown;
  if (/^(ObjectParentIsFile|ExistingObjectIsDirectory)$/.test(thrown.name))
    return invalid('key', 'must not be a folder of another key', { key });
  if (status === 412) return new AppError('conflict', 'the object exists', options);
  if (status === 403 || status === 401)
    return new AppError('permission_denied', 'the object store refused the credentials', options);
  if (status === 507) return new AppError('resource_exhausted', 'the disk is full', options);
  if (status === undefined || status === 429 || status === 409 || status >= 500)
    return new AppError('unavailable', 'the object store did not answer', options);
  return new AppError('internal', 'the object store refused the call', options);
}

export function statusOf(error: unknown): number | undefined {
  return (error as S3Error | undefined)?.$metadata?.httpStatusCode;
}

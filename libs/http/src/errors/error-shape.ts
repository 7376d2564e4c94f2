import { AppError } from '@flywheel/core';
import type { ErrorCode } from '@flywheel/core';

/** How a surface words its errors. It is given only what callers may know: see `publicError`. */
export type ErrorShape = (error: AppError) => {
  /** The status of the error's code unless given. */
  readonly status?: number;
  /** JSON unless given; then `body` must be text. */
  readonly contentType?: string;
  readonly body: unknown;
};

/** `{ code, message, details? }` */
export const nativeErrors: ErrorShape = (error) => ({
  body: {
    code: error.code,
    message: error.message,
    ...(error.details === undefined ? {} : { details: error.details }),
  },
});

const CONSTANT: Partial<Record<ErrorCode, string>> = {
  internal: 'internal error',
  unavailable: 'service unavailable',
  deadline_exceeded: 'deadline exceeded',
};

/** The error as callers may see it: of a 5xx only the code is told, the original is its cause. */
export function publicError(error: AppError): AppError {
  if (error.status < 500) return error;
  const retryAfterMs = error.details?.['retryAfterMs'];
  return new AppError(error.code, CONSTANT[error.code] ?? 'internal error', {
    cause: error,
    ...(typeof retryAfterMs === 'number' ? { details: { retryAfterMs } } : {}),
  });
}

/** Seconds for `retry-after`, from `details.retryAfterMs`, for errors that ask to come back; 1 unless given. */
export function retryAfterSeconds(error: AppError): number | undefined {
  if (error.code !== 'unavailable' && error.code !== 'resource_exhausted') return undefined;
  const retryAfterMs = error.details?.['retryAfterMs'];
  return typeof retryAfterMs === 'number' ? Math.max(1, Math.ceil(retryAfterMs / 1000)) : 1;
}

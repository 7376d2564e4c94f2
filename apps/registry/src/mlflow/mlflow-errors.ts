import { AppError } from '@flywheel/core';
import type { ErrorCode } from '@flywheel/core';
import type { ErrorShape } from '@flywheel/http';

/** MLflow's words for our codes; what one code of ours cannot tell apart is said in `details.mlflow`. */
const WORDS: Readonly<Record<ErrorCode, string>> = {
  invalid_argument: 'INVALID_PARAMETER_VALUE',
  unauthenticated: 'UNAUTHENTICATED',
  permission_denied: 'PERMISSION_DENIED',
  not_found: 'ENDPOINT_NOT_FOUND',
  conflict: 'RESOURCE_CONFLICT',
  payload_too_large: 'BAD_REQUEST',
  resource_exhausted: 'REQUEST_LIMIT_EXCEEDED',
  cancelled: 'CANCELLED',
  internal: 'INTERNAL_ERROR',
  unavailable: 'TEMPORARILY_UNAVAILABLE',
  deadline_exceeded: 'DEADLINE_EXCEEDED',
};
const EXISTS = 'RESOURCE_ALREADY_EXISTS';

/** `{ error_code, message }`: clients choose by the code, and by the message in upstream's own tests. */
export const mlflowErrors: ErrorShape = (error) => {
  const word = error.details?.['mlflow'];
  const errorCode = typeof word === 'string' ? word : WORDS[error.code];
  return {
    // MLflow says 400 where something is there already
    status: errorCode === EXISTS ? 400 : error.status,
    body: { error_code: errorCode, message: error.message },
  };
};

/** A caller's mistake, in the sentence its clients know. */
export function refused(message: string, field?: string): AppError {
  return new AppError(
    'invalid_argument',
    message,
    field === undefined ? {} : { details: { field } },
  );
}

export function missing(name: string): AppError {
  return refused(`Missing value for required parameter '${name}'`, name);
}

export function notThere(message: string): AppError {
  return new AppError('not_found', message, { details: { mlflow: 'RESOURCE_DOES_NOT_EXIST' } });
}

export function modelNotThere(name: string): AppError {
  return notThere(`Registered Model with name=${name} not found`);
}

export function versionNotThere(name: string, version: number | string): AppError {
  return notThere(`Model Version (name=${name}, version=${version}) not found`);
}

export function alreadyThere(name: string): AppError {
  return new AppError('conflict', `Registered Model (name=${name}) already exists.`, {
    details: { mlflow: EXISTS },
  });
}

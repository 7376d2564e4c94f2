import { AppError } from '@flywheel/core';
import type { ErrorCode } from '@flywheel/core';
import type { ErrorShape } from '@flywheel/http';

/** MLflow's words for our codes; what one code of ours cannot tell apart is said in `details.mlflow`. */
const words: Readonly<Record<ErrorCode, string>> = {
  invalid_argument: 'INVALID_PARAMETER_VALUE',
  unauthenticated: 'UNAUTHENTICATED',
  permission_denied: 'PERMISSION_DENIED',
  not_found: 'ENDPOINT_NOT_FOUND',
  conflict: 'RESOURCE_CONFLICT',
  payload_too_large: 'BAD_REQUEST',
  resource_exhausted: 'RESOURCE_EXHAUSTED',
  cancelled: 'CANCELLED',
  internal: 'INTERNAL_ERROR',
  unavailable: 'TEMPORARILY_UNAVAILABLE',
  deadline_exceeded: 'DEADLINE_EXCEEDED',
};

/** Where MLflow's status is another than that of our code. */
const statuses: Readonly<Record<string, number>> = {
  RESOURCE_ALREADY_EXISTS: 400,
  NOT_IMPLEMENTED: 501,
};

/** `{ error_code, message }`: clients choose what to do by the code. */
export const mlflowErrors: ErrorShape = (error) => {
  const word = error.details?.['mlflow'];
  const errorCode = typeof word === 'string' ? word : words[error.code];
  return {
    status: statuses[errorCode] ?? error.status,
    body: { error_code: errorCode, message: error.message },
  };
};

/** A caller's mistake, in the sentence MLflow's clients know. */
export function refused(message: string, field?: string): AppError {
  return new AppError(
    'invalid_argument',
    message,
    field === undefined ? {} : { details: { field } },
  );
}

export function missing(field: string): AppError {
  return refused(`Missing value for required parameter '${field}'`, field);
}

export function invalidValue(field: string, value: unknown, rule: string): AppError {
  return refused(`Invalid value ${shown(value)} for parameter '${field}' supplied: ${rule}`, field);
}

export function notThere(message: string): AppError {
  return new AppError('not_found', message, { details: { mlflow: 'RESOURCE_DOES_NOT_EXIST' } });
}

export function alreadyThere(message: string): AppError {
  return new AppError('conflict', message, { details: { mlflow: 'RESOURCE_ALREADY_EXISTS' } });
}

export function notOffered(message: string): AppError {
  return new AppError('invalid_argument', message, { details: { mlflow: 'NOT_IMPLEMENTED' } });
}

export function notEnabled(message: string): AppError {
  return new AppError('invalid_argument', message, { details: { mlflow: 'FEATURE_DISABLED' } });
}

/** A state that forbids the change. MLflow answers 500 here, which its own clients repeat for minutes. */
export function wrongState(message: string): AppError {
  return new AppError('invalid_argument', message, { details: { mlflow: 'INVALID_STATE' } });
}

/** A value as it stands in a message: JSON, cut where it is long. */
function shown(value: unknown): string {
  const text =
    typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))
      ? String(value)
      : ((JSON.stringify(value, (_key, member: unknown) =>
          typeof member === 'bigint' ? String(member) : member,
        ) as string | undefined) ?? 'undefined');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

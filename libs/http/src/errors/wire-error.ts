import { AppError, errorTable } from '@flywheel/core';
import type { ErrorCode, ErrorDetails } from '@flywheel/core';
import { writeJson } from '../json/write-json.ts';
import { publicError } from './error-shape.ts';

/** Carries the code of an error whatever words the surface uses, so that our own client maps it back exactly. */
export const CODE_HEADER = 'flywheel-error';

/** The error as it arrives at a caller: only what may be known, details as JSON would carry them. */
export function wireError(error: AppError): AppError {
  const known = publicError(error);
  if (known.details === undefined) return known;
  const details = jsonDetails(known.details);
  return new AppError(known.code, known.message, {
    cause: known.cause ?? error,
    ...(details === undefined ? {} : { details }),
  });
}

/** Details that JSON cannot hold are left out rather than the whole answer. */
function jsonDetails(details: ErrorDetails): ErrorDetails | undefined {
  try {
    return JSON.parse(writeJson(details)) as ErrorDetails;
  } catch {
    return undefined;
  }
}

/** The error behind a reply that is none of success: by the code it carries, else by its status. */
export function errorOfReply(reply: {
  readonly status: number;
  readonly code: string | undefined;
  readonly body: unknown;
}): AppError {
  const body = typeof reply.body === 'object' && reply.body !== null ? reply.body : {};
  const { code, message, error, details } = body as Record<string, unknown>;
  const known = [reply.code, code].find(isErrorCode) ?? codeOfStatus(reply.status);
  const text = [message, error].find((candidate) => typeof candidate === 'string');
  return new AppError(known, text ?? 'peer answered with an error', {
    ...(text === undefined ? { details: { status: reply.status } } : {}),
    ...(typeof details === 'object' && details !== null ? { details: { ...details } } : {}),
  });
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorTable, code);
}

function codeOfStatus(status: number): ErrorCode {
  for (const [code, row] of Object.entries(errorTable))
    if (row.status === status) return code as ErrorCode;
  if (status === 502) return 'unavailable';
  if (status === 408) return 'deadline_exceeded';
  return status >= 400 && status < 500 ? 'invalid_argument' : 'internal';
}

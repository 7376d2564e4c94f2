import { toAppError } from '@flywheel/core';

/** Why something failed, with what varies: which service, which field. */
export function errorText(error: unknown): string {
  const { message, details } = toAppError(error);
  return details ? `${message} ${JSON.stringify(details)}` : message;
}

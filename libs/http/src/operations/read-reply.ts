import type { Operation } from '@flywheel/contracts';
import { AppError } from '@flywheel/core';
import { schemaFault } from './schema-fault.ts';

/** A successful reply as its contract's type; `internal` if it is something else. */
export function readReply<R>(
  operation: Operation<unknown, unknown, unknown, R>,
  reply: unknown,
): R {
  const parsed = operation.reply.safeParse(reply);
  if (parsed.success) return parsed.data;
  const fault = schemaFault('reply', parsed.error);
  throw new AppError('internal', 'reply does not match its contract', {
    cause: fault,
    details: {
      ...whereabouts(operation),
      field: fault.details?.['field'],
      rule: fault.details?.['rule'],
    },
  });
}

/** Which call an error belongs to: added to everything that is not the caller's own mistake. */
export function whereabouts(operation: Operation): { service: string; operation: string } {
  return { service: operation.service, operation: operation.name };
}

/** The error of a call as its caller sees it, alike on both ways. */
export function callError(operation: Operation, error: AppError): AppError {
  if (error.status < 500) return error;
  return new AppError(error.code, error.message, {
    cause: error.cause ?? error,
    details: { ...error.details, ...whereabouts(operation) },
  });
}

import { AppError, type ErrorCode } from '@flywheel/core';

const sqlState = /^[0-9A-Z]{5}$/;
const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** pg throws these without a code. */
const networkMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after|timeout expired)/;

type PgError = Error & { code?: string; constraint?: string; table?: string; column?: string };

/** The vendor's words are read here, once. */
export function toSqlError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (!(thrown instanceof Error))
    return new AppError('internal', 'the database call failed', { cause: thrown });
  const { code, constraint, table, column } = thrown as PgError;
  if ((code && networkCodes.has(code)) || networkMessages.test(thrown.message))
    return new AppError('unavailable', 'the database did not answer', { cause: thrown });
  if (!code || !sqlState.test(code))
    return new AppError('internal', 'the database call failed', { cause: thrown });
  const [kind, message] = meaningOf(code);
  const details = {
    sqlState: code,
    ...(constraint ? { constraint } : {}),
    ...(table ? { table } : {}),
    ...(column ? { column } : {}),
  };
  return new AppError(kind, message, { details, cause: thrown });
}

/** True when the same transaction may succeed if it is run again (serialization failure, deadlock). */
export function isTransient(error: AppError): boolean {
  const state = error.details?.['sqlState'];
  return state === '40001' || state === '40P01';
}

function meaningOf(state: string): [ErrorCode, string] {
  if (state === '23505') return ['conflict', 'a row with this key exists'];
  if (state === '23P01') return ['conflict', 'a row that excludes this one exists'];
  if (state === '22021' || state === '22P05')
    return ['invalid_argument', 'a text holds a character that the database does not keep'];
  if (state === '40001' || state === '40P01')
    return ['unavailable', 'the transaction met another one'];
  if (state === '57014') return ['deadline_exceeded', 'the statement took too long'];
  if (state === '53100') return ['resource_exhausted', 'the disk of the database is full'];
  if (state.startsWith('53')) return ['unavailable', 'the database is out of resources'];
  if (state.startsWith('08') || state.startsWith('57P') || state === '25P03')
    return ['unavailable', 'the database closed the connection'];
  return ['internal', 'the database refused the statement'];
}

import { AppError } from '@flywheel/core';

/** DuckDB tells the kind of an error in the first words of its message. */
export function toAnalyticsError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const options = { details: { reason }, cause: thrown };
  switch (/(?:^|: )([A-Za-z ]+) Error:/.exec(reason)?.[1]) {
    case 'INTERRUPT':
      return new AppError('cancelled', 'cancelled', options);
    case 'Permission':
      return new AppError(
        'permission_denied',
        'the statement reaches outside its folders',
        options,
      );
    case 'Out of Memory':
      return new AppError('resource_exhausted', 'the statement needs more memory', options);
    case 'IO':
      return ofInputOutput(reason, options);
    case 'Parser':
    case 'Syntax':
    case 'Binder':
    case 'Catalog':
    case 'Conversion':
    case 'Invalid Input':
    case 'Invalid':
    case 'Out of Range':
    case 'Constraint':
    case 'Mismatch Type':
    case 'Not implemented':
      return new AppError(
        'invalid_argument',
        'the statement is wrong or does not fit its data',
        options,
      );
    default:
      return new AppError('internal', 'the statement failed', options);
  }
}

function ofInputOutput(
  reason: string,
  options: { details: { reason: string }; cause: unknown },
): AppError {
  if (/No files found|No such file/.test(reason))
    return new AppError('not_found', 'there is no such file', options);
  if (reason.includes('No space left on device'))
    return new AppError('resource_exhausted', 'the disk is full', options);
  return new AppError('internal', 'the statement failed', options);
}

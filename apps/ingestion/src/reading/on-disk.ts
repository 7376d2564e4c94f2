import { AppError } from '@flywheel/core';

/** Does something with a scratch file. What goes wrong may go well later: nothing is given up for a disk. */
export function onDisk<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    throw diskError(cause);
  }
}

export function diskError(cause: unknown): unknown {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError('resource_exhausted', 'the disk is full', { cause });
  if ((cause as NodeJS.ErrnoException | undefined)?.syscall !== undefined)
    return new AppError('unavailable', 'a scratch file cannot be used', { cause });
  return cause;
}

import { AppError, toAppError } from '@flywheel/core';

/** One sentence that says what is wrong and, where it is known, what to do. */
export function explain(thrown: unknown): string {
  const cause = firstOf(thrown);
  const error = toAppError(cause);
  const told = (name: string) => textOf(error.details?.[name]);
  const system = systemError(cause);
  const problems = problemsOf(cause);
  if (problems.length > 0) return `Configuration is wrong: ${problems.join('; ')}.`;
  if (error.message.includes('port is already in use'))
    return `Port ${told('port')} is taken: stop what uses it or set another with FLYWHEEL_HTTP_PORT, FLYWHEEL_KAFKA_PORT or FLYWHEEL_SQL_PORT.`;
  if (error.message.includes('port may not be opened'))
    return `Port ${told('port')} may not be opened: set one above 1023 with FLYWHEEL_HTTP_PORT.`;
  if (/data folder is (already )?in use/.test(error.message))
    return `The data folder ${told('folder')} is in use by process ${told('pid')}: stop that process or set another folder with FLYWHEEL_DATA.`;
  if (system?.code === 'ENOSPC' || system?.code === 'EDQUOT')
    return 'The disk is full: free some space or set another folder with FLYWHEEL_DATA.';
  if (system && ['EACCES', 'EPERM', 'EROFS'].includes(system.code) && system.path !== undefined)
    return `${system.path} may not be written: give this user the right to or set another folder with FLYWHEEL_DATA.`;
  if (system && ['EEXIST', 'ENOTDIR'].includes(system.code) && system.path !== undefined)
    return `${system.path} is no folder: move it away or set another folder with FLYWHEEL_DATA.`;
  return `Flywheel could not go on: ${reasonOf(error)}.`;
}

function problemsOf(thrown: unknown): readonly string[] {
  if (!(thrown instanceof AppError) || thrown.code !== 'invalid_argument') return [];
  const problems = thrown.details?.['problems'];
  return Array.isArray(problems) ? problems.map(String) : [];
}

/** What went wrong first, where closing went wrong after it or several things went wrong. */
function firstOf(thrown: unknown): unknown {
  if (thrown instanceof AggregateError)
    return firstOf(thrown.errors[0] ?? new Error(thrown.message));
  if (thrown instanceof Error && 'suppressed' in thrown) return firstOf(thrown.suppressed);
  return thrown;
}

type SystemError = { readonly code: string; readonly path: string | undefined };

function systemError(thrown: unknown): SystemError | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const { code, path, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== undefined && code !== undefined) return { code, path };
    if (code === 'ENOSPC' || code === 'EDQUOT') return { code, path };
  }
  return undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '?';
}

function reasonOf(error: AppError): string {
  const { cause } = error;
  const why = cause instanceof Error ? cause.message : undefined;
  if (why === undefined) return error.message;
  return error.code === 'internal' && error.message === 'internal error'
    ? why
    : `${error.message} (${why})`;
}

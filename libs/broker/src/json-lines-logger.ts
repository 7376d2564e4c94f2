import type { Logger } from '@flywheel/core';
import type { LogLine } from './ipc.ts';

/** A logger that gives one line of JSON for each call. */
export function jsonLinesLogger(write: (line: string) => void, bound: object = {}): Logger {
  const at = (level: LogLine['level']) => (fields: object, message: string) => {
    write(`${JSON.stringify({ level, message, fields: plain({ ...bound, ...fields }) })}\n`);
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => jsonLinesLogger(write, { ...bound, ...fields }),
  };
}

/** Errors have no enumerable fields, so JSON would lose them. */
function plain(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]: [string, unknown]) => [
      name,
      value instanceof Error ? plainError(value) : value,
    ]),
  );
}

function plainError(error: Error): object {
  const { name, message, stack } = error;
  return { ...Object.fromEntries(Object.entries(error)), name, message, stack };
}

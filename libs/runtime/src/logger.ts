import type { Logger } from '@flywheel/core';
import { pino } from 'pino';

/** JSON lines to a file descriptor (standard error by default, so that standard output stays the caller's). */
export function createLogger(options: {
  level: string;
  destination?: number | string;
  name?: string;
}): Logger & { flush(): void } {
  const stream = pino.destination({ dest: options.destination ?? 2, sync: true, mkdir: true });
  const logger = pino(
    {
      level: options.level,
      base: options.name ? { process: options.name } : null,
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    stream,
  );
  return Object.assign(wrap(logger), { flush: () => stream.flushSync() });
}

function wrap(logger: pino.Logger): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => wrap(logger.child(fields)),
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import { AppError, toAppError } from '@flywheel/core';
import type { Service } from './define-service.ts';
import type { Environment } from './config.ts';
import { createLogger } from './logger.ts';
import { readProcessConfig, startProcess } from './start-process.ts';

/** What the shell is told: 0 for a signal, 1 for a failure, 78 (EX_CONFIG) for a wrong environment. */
export const exitCodes = { ok: 0, failure: 1, configuration: 78 } as const;

/**
 * Runs services until a signal or the first failure, and returns the exit code. With `--check` it stops after the
 * configuration was read.
 */
export async function runProcess(
  services: readonly Service[],
  options: {
    environment: Environment;
    arguments?: readonly string[];
    /** Told one sentence when the process cannot start or go on. */
    report?: (sentence: string) => void;
    /** Told the addresses once everything is ready. */
    announce?: (addresses: Readonly<Record<string, string>>) => void;
  },
): Promise<number> {
  const report = options.report ?? ((sentence) => process.stderr.write(`${sentence}\n`));
  try {
    const [config] = readProcessConfig(services, options.environment);
    if (options.arguments?.includes('--check')) return exitCodes.ok;
    const stop = firstSignal();
    const log = createLogger({ level: config.FLYWHEEL_LOG_LEVEL });
    await using running = await startProcess(services, { environment: options.environment, log });
    options.announce?.(running.addresses);
    const outcome = await Promise.race([
      stop.then(() => exitCodes.ok),
      running.failed.catch(() => exitCodes.failure),
    ]);
    forceStop(config.FLYWHEEL_STOP_WITHIN_MS, outcome);
    return outcome;
  } catch (error) {
    report(explain(error));
    return isConfigurationError(error) ? exitCodes.configuration : exitCodes.failure;
  }
}

/** One sentence that says what is wrong and what to do. */
export function explain(thrown: unknown): string {
  const error = toAppError(thrown);
  const details = error.details ?? {};
  if (error.code === 'invalid_argument' && Array.isArray(details['problems']))
    return `Configuration is wrong: ${details['problems'].join('; ')}.`;
  if (error.message.includes('port is already in use'))
    return `Port ${String(details['port'])} is taken: stop what uses it or set another with FLYWHEEL_HTTP_PORT, FLYWHEEL_KAFKA_PORT or FLYWHEEL_SQL_PORT.`;
  if (error.message.includes('data folder is in use'))
    return `The data folder ${String(details['folder'] ?? '')} is in use by process ${String(details['pid'] ?? '?')}: stop that process or set another folder with FLYWHEEL_DATA.`;
  if (isDiskFull(thrown))
    return 'The disk is full: free some space or set another folder with FLYWHEEL_DATA.';
  const cause = thrown instanceof AppError ? thrown.cause : thrown;
  return `Flywheel could not go on: ${error.message}${cause instanceof Error ? ` (${cause.message})` : ''}.`;
}

function isConfigurationError(thrown: unknown): boolean {
  return (
    thrown instanceof AppError &&
    thrown.code === 'invalid_argument' &&
    Array.isArray(thrown.details?.['problems'])
  );
}

function isDiskFull(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return true;
  return false;
}

function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => resolve(signal));
  });
}

/** A stop that hangs must not hang for ever. The timer does not keep the process alive by itself. */
function forceStop(withinMs: number, code: number): void {
  void delay(withinMs, undefined, { ref: false }).then(() =>
    process.exit(code || exitCodes.failure),
  );
}

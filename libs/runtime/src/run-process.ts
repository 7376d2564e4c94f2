import { setTimeout as delay } from 'node:timers/promises';
import type { Service } from './define-service.ts';
import type { Environment } from './config.ts';
import { explain } from './explain.ts';
import { createLogger } from './logger.ts';
import type { PlatformConfig } from './platform-config.ts';
import { listenForSignals } from './signals.ts';
import { readProcessConfig, startProcess } from './start-process.ts';

/** What the shell is told: 0 for a signal, 1 for a failure, 78 (EX_CONFIG) for a wrong environment. */
export const exitCodes = { ok: 0, failure: 1, configuration: 78 } as const;

export type RunOptions = {
  environment: Environment;
  arguments?: readonly string[];
  /** Told one sentence when the process cannot start or go on. */
  report?: (sentence: string) => void;
  /** Told the addresses once everything is ready. */
  announce?: (addresses: Readonly<Record<string, string>>) => void;
};

/**
 * Runs services until a signal or the first failure, and returns the exit code. With `--check` it stops after the
 * configuration was read. A stop that hangs is forced; a signal more than a second after the first ends it at once.
 */
export async function runProcess(
  services: readonly Service[],
  options: RunOptions,
): Promise<number> {
  const { environment } = options;
  const report = options.report ?? ((sentence) => process.stderr.write(`${sentence}\n`));
  const config = readOrReport(services, environment, report);
  if (config === undefined) return exitCodes.configuration;
  if (options.arguments?.includes('--check')) return exitCodes.ok;

  using signals = listenForSignals(environment);
  const force = () => exitAfter(config.FLYWHEEL_STOP_WITHIN_MS, exitCodes.failure);
  void signals.first.then(force);
  let isReady = false;
  try {
    const log = createLogger({ level: config.FLYWHEEL_LOG_LEVEL });
    const { signal } = signals;
    await using running = await startProcess(services, { environment, log, signal });
    isReady = true;
    running.failed.catch(force);
    options.announce?.(running.addresses);
    log.info({ signal: await Promise.race([signals.first, running.failed]) }, 'stopping');
    return exitCodes.ok;
  } catch (error) {
    const isGivenUp = signals.signal.aborted && !isReady;
    if (!isGivenUp) report(explain(error));
    const code = isGivenUp ? exitCodes.ok : exitCodes.failure;
    if (isReady) force();
    else exitAfter(0, code); // servers that are still starting end with this process
    return code;
  }
}

function readOrReport(
  services: readonly Service[],
  environment: Environment,
  report: (sentence: string) => void,
): PlatformConfig | undefined {
  try {
    return readProcessConfig(services, environment)[0];
  } catch (error) {
    report(explain(error));
    return undefined;
  }
}

/** What hangs must not hang for ever. The timer does not keep the process alive by itself. */
function exitAfter(ms: number, code: number): void {
  void delay(ms, undefined, { ref: false }).then(() => process.exit(code));
}

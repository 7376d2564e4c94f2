import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@flywheel/core';
import type { Environment } from '@flywheel/runtime';

export type ChildService = AsyncDisposable & {
  readonly process: ChildProcess;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
};

const START_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 10_000;

/** Starts a main file as a process of its own and waits until it answers on `url`. Its log goes to a file. */
export async function startChildService(options: {
  main: string;
  arguments?: readonly string[];
  environment: Environment;
  logFile: string;
  /** Gives the base address once it is known. */
  url: () => string | undefined;
}): Promise<ChildService> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = createWriteStream(options.logFile, { flags: 'a' });
  const child = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), options.main, ...(options.arguments ?? [])],
    { env: { ...options.environment }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  child.stderr.pipe(log);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await exited;
    clearTimeout(timer);
  };

  const deadlineMs = Date.now() + START_WITHIN_MS;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new AppError(
        'unavailable',
        `a process of the platform ended while it started: ${lastLine(options.logFile)}`,
      );
    if (Date.now() > deadlineMs) {
      await stop('SIGKILL');
      throw new AppError(
        'deadline_exceeded',
        `a process of the platform was not ready in time: ${lastLine(options.logFile)}`,
      );
    }
    const url = options.url();
    if (url && (await isReady(url))) break;
    await Promise.race([exited, delay(50)]);
  }
  return {
    process: child,
    kill: () => stop('SIGKILL'),
    [Symbol.asyncDispose]: () => stop('SIGTERM'),
  };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false; // not listening yet
  }
}

function lastLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').at(-1)?.slice(0, 500) ?? '';
  } catch {
    return `see ${file}`;
  }
}

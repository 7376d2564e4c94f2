import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@flywheel/core';
import type { Environment } from '@flywheel/runtime';

export type ChildService = AsyncDisposable & {
  /** Where it answers: as it told, if it did. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Resolves when it has ended, whoever ended it. */
  readonly exited: Promise<void>;
  /** The sentence with which it ended, else how. */
  lastWords(): string;
  /** SIGKILL of the process alone or of all that it started too; waits until it is gone. */
  kill(what: 'process' | 'group'): Promise<void>;
};

/** What a child tells once it is ready. */
export type Ready = { readonly addresses: Readonly<Record<string, string>> };

const START_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 10_000;

/**
 * Starts a main file as a process of its own and waits until it answers. Its log goes to a file. It ends with this
 * process, however that ends; signals of a terminal do not reach it.
 */
export async function startChildService(options: {
  /** As it is called in sentences. */
  name: string;
  main: string;
  arguments?: readonly string[];
  environment: Environment;
  logFile: string;
  /** Where it will answer; absent = it tells. */
  url?: string;
  signal: AbortSignal;
}): Promise<ChildService> {
  const { logFile, signal } = options;
  signal.throwIfAborted();
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  const child = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), options.main, ...(options.arguments ?? [])],
    { env: { ...options.environment }, stdio: ['ignore', 'ignore', log, 'ipc'], detached: true },
  );
  closeSync(log);
  let addresses: Ready['addresses'] = options.url === undefined ? {} : { http: options.url };
  child.on('message', (told) => ({ addresses } = told as Ready)); // sent by `up`
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const kill = async (what: 'process' | 'group') => {
    if (!hasEnded() && child.pid !== undefined)
      process.kill(what === 'group' ? -child.pid : child.pid, 'SIGKILL');
    await exited;
  };
  const stop = async () => {
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await exited;
    clearTimeout(timer);
  };

  const deadlineMs = Date.now() + START_WITHIN_MS;
  const lastWords = () =>
    child.signalCode ?? `exit code ${child.exitCode ?? '?'}, ${lastSentence(logFile)}`;
  const tell = (what: string) => `${options.name} ${what} (${lastWords()})`;
  while (!(await isReady(addresses['http'], signal))) {
    if (hasEnded()) throw new AppError('unavailable', tell('ended while it started'));
    if (signal.aborted || Date.now() > deadlineMs) {
      await stop();
      signal.throwIfAborted();
      throw new AppError('deadline_exceeded', tell('was not ready in time'));
    }
    await Promise.race([exited, delay(50)]);
  }
  return { addresses, exited, lastWords, kill, [Symbol.asyncDispose]: stop };
}

async function isReady(url: string | undefined, signal: AbortSignal): Promise<boolean> {
  if (url === undefined) return false;
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(2000)]);
    return (await fetch(`${url}/health/ready`, { signal: patience })).ok;
  } catch {
    return false; // not listening yet
  }
}

/** The sentence with which a process of ours ends, else the last line that tells anything. */
function lastSentence(file: string): string {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /^\S.*\w/.test(line) && !line.startsWith('Node.js v'));
  const line = lines.findLast((one) => /^(Flywheel|\w*Error)\b/.test(one)) ?? lines.at(-1) ?? '';
  return line.replace(/^Flywheel could not go on: (.*)\.$/, '$1').slice(0, 500);
}

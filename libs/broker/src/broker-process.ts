import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { AppError } from '@flywheel/core';
import type { Logger } from '@flywheel/core';
import type { BrokerMessage, LogLine } from './ipc.ts';
import type { BrokerSettings } from './options.ts';

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type BrokerProcess = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the process has ended, whoever ended it. */
  readonly exited: Promise<Exit>;
};

export type BrokerProcessOptions = BrokerSettings & {
  readonly log: Logger;
  /** Default 60 s: machines can be very busy. */
  readonly readyTimeoutMs?: number | undefined;
  /** Variables that the process sees beside the size of its thread pool; none unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
};

const stopTimeoutMs = 5000;
const fileThreads = '8'; // fdatasync of several logs and reads side by side
const heapMegabytes = 256; // records live outside the heap

/**
 * Starts the broker in a process of its own and waits until it answers. It ends with this process, however that ends.
 * Throws `conflict` when the port is taken or another process holds the folder, `deadline_exceeded` when it is not ready
 * in time, `unavailable` when it ends before.
 */
export async function startBrokerProcess(options: BrokerProcessOptions): Promise<BrokerProcess> {
  const { log, readyTimeoutMs = 60_000, environment, ...settings } = options;
  const main = fileURLToPath(import.meta.resolve('./main.ts'));
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${heapMegabytes}`,
      '--v8-pool-size=1',
      ...entry(main),
      JSON.stringify(settings),
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...environment, UV_THREADPOOL_SIZE: fileThreads },
    },
  );
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  forward(child, log);
  try {
    const { host, port } = await ready(child, exited, readyTimeoutMs);
    return {
      host,
      port,
      pid: child.pid ?? 0,
      exited,
      [Symbol.asyncDispose]: () => stop(child, exited),
    };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/**
 * Node 22.18 and later strip types themselves. Before, the workspace's loader does, by `require`: hooks for `import` would
 * cost another thread, 20 MB and half a second.
 */
function entry(main: string): string[] {
  const isNative = 'typescript' in process.features && process.features.typescript !== false;
  if (isNative || !main.endsWith('.ts')) return [main];
  const loader = fileURLToPath(import.meta.resolve('tsx/cjs'));
  return ['--require', loader, '--eval', 'require(process.argv[1])', main];
}

async function ready(
  child: ChildProcess,
  exited: Promise<Exit>,
  timeoutMs: number,
): Promise<{ host: string; port: number }> {
  let timer: NodeJS.Timeout | undefined;
  const told = new Promise<BrokerMessage>((resolve) => {
    child.once('message', (message) => resolve(message as BrokerMessage)); // sent by our own main.ts
  });
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AppError('deadline_exceeded', 'broker process was not ready in time')),
      timeoutMs,
    );
  });
  const ended = exited.then((exit) => {
    throw new AppError('unavailable', 'broker process ended before it was ready', {
      details: exit,
    });
  });
  try {
    const message = await Promise.race([told, late, ended]);
    if (message.kind === 'ready') return message;
    throw new AppError(message.code, message.message, { details: message.details });
  } finally {
    clearTimeout(timer);
  }
}

/** The closed channel tells the child to stop; signals it leaves to us. */
async function stop(child: ChildProcess, exited: Promise<Exit>): Promise<void> {
  if (child.connected) child.disconnect();
  else child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await exited;
  clearTimeout(timer);
}

/** Log lines keep their level; anything else the process prints is something to look at. */
function forward(child: ChildProcess, log: Logger): void {
  if (child.stdout)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { level, message, fields } = parse(line);
      log[level](fields, message);
    });
  if (child.stderr)
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.warn({ line }, 'broker process said');
    });
}

function parse(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine; // written by our own logger
  } catch {
    return { level: 'warn', message: 'broker process said', fields: { line } };
  }
}

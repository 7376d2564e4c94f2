import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { type AddressInfo, type Server, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, toAppError } from '@flywheel/core';
import { isOrphan, lockFolder } from './folder-lock.ts';
import { initialize, openBackend } from './pglite-backend.ts';
import { keepTidy } from './postgres-upkeep.ts';
import { SharedBackend } from './shared-backend.ts';

const tidyEveryMs = 30_000;
const idleInTransactionMs = 30_000;
const maxConnections = 200;
/** How long a server whose parent is gone may take to leave its folder. */
const orphanMs = 10_000;
const closeWithinMs = 5_000;

/**
 * The process of the embedded PostgreSQL, `serve <folder> <port>` or `initialize <folder>`. It tells its parent by IPC
 * `{ kind: 'ready', port }` or `{ kind: 'failed', code, message, details }`; it stops when the parent says
 * `{ kind: 'stop' }` or is gone. Signals meant for a whole group (Ctrl-C) are the parent's to answer.
 */
async function main([task, folder = '', port = '0']: readonly string[]): Promise<void> {
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  if (task === 'initialize') {
    process.once('disconnect', () => process.exit(1));
    await initialize(folder);
    process.exit(0);
  }
  await serve(folder, Number(port));
}

async function serve(folder: string, port: number): Promise<void> {
  const stop = new AbortController();
  process.once('disconnect', () => stop.abort());
  process.on('message', (said: { kind?: string }) => {
    if (said.kind === 'stop') stop.abort();
  });

  const lock = await lockPatiently(folder);
  const server = await listen(port);
  const data = join(folder, 'pg');
  if (!existsSync(join(data, 'PG_VERSION'))) await initializeApart(folder, data, stop.signal);
  const { backend, welcome, close } = await openBackend(data);
  const shared = new SharedBackend(backend, {
    welcome,
    idleInTransactionMs,
    fail: (error) => {
      // A backend that broke inside WebAssembly cannot be trusted with another byte; the WAL has what was committed.
      process.stderr.write(`the backend broke: ${String(error)}\n`);
      process.exit(70);
    },
  });
  server.on('connection', (socket) => shared.attach(socket));
  const tidy = tidyNowAndThen(shared);
  process.send?.({ kind: 'ready', port: (server.address() as AddressInfo).port });

  if (!stop.signal.aborted) await once(stop.signal, 'abort');
  setTimeout(() => process.exit(1), closeWithinMs).unref();
  tidy.stop();
  server.close();
  await shared.close();
  await close();
  lock[Symbol.dispose]();
}

/** The next wait begins when the upkeep is done. */
function tidyNowAndThen(shared: SharedBackend): { stop: () => void } {
  let position = '';
  let timer: NodeJS.Timeout;
  const wait = () => {
    timer = setTimeout(() => void tidy(), tidyEveryMs);
  };
  const tidy = async () => {
    try {
      position = await keepTidy(shared, position);
    } catch (error) {
      process.stderr.write(`upkeep failed: ${String(error)}\n`);
    }
    wait();
  };
  wait();
  return { stop: () => clearTimeout(timer) };
}

/** A server that lost its parent is about to leave: waited for; any other holder is a conflict at once. */
async function lockPatiently(folder: string): Promise<Disposable> {
  const deadlineMs = Date.now() + orphanMs;
  for (;;) {
    try {
      return lockFolder(folder);
    } catch (error) {
      if (!isOrphan(folder) || Date.now() > deadlineMs) throw error;
      await delay(50);
    }
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer();
  server.maxConnections = maxConnections;
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new AppError('conflict', 'port is already in use', { details: { port } });
  }
  return server;
}

/** In a process of its own, whose memory goes with it; a kill in between leaves no half folder. */
async function initializeApart(folder: string, data: string, signal: AbortSignal): Promise<void> {
  const fresh = join(folder, 'pg.new');
  rmSync(fresh, { recursive: true, force: true });
  const child = fork(process.argv[1] as string, ['initialize', fresh], {
    execArgv: process.execArgv,
  });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  const [code] = (await once(child, 'exit')) as [number | null];
  signal.removeEventListener('abort', kill);
  if (code !== 0) throw new AppError('internal', 'could not make the database folder');
  renameSync(fresh, data);
}

try {
  await main(process.argv.slice(2));
  process.exit(0);
} catch (error) {
  const { code, message, details, cause } = toAppError(error);
  if (code === 'internal') process.stderr.write(`${String(cause ?? error)}\n`);
  if (process.send) process.send({ kind: 'failed', code, message, details }, () => process.exit(1));
  else process.exit(1);
}

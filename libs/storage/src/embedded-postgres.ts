import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { AppError, type ErrorCode, type ErrorDetails, type Logger } from '@flywheel/core';
import { typescriptLoader } from './typescript-loader.ts';

export type EmbeddedPostgres = {
  url: string;
  port: number;
  /** Settles when the process ends, for whatever reason. */
  exited: Promise<{ code: number | null; signal: string | null }>;
} & AsyncDisposable;

type Said =
  | { kind: 'ready'; port: number }
  | { kind: 'failed'; code: ErrorCode; message: string; details?: ErrorDetails };

const stopWithinMs = 10_000;

/**
 * Starts PostgreSQL (PGlite) in a child process on 127.0.0.1; port 0 takes any free one. Its files lie in `folder`.
 * Throws `conflict` ('data folder is in use' with `pid`, 'port is already in use' with `port`). Committed work survives
 * a kill of any process. The child ends by itself when this process is gone.
 */
export async function startEmbeddedPostgres(options: {
  folder: string;
  port: number;
  log: Logger;
}): Promise<EmbeddedPostgres> {
  const { folder, log } = options;
  const main = fileURLToPath(new URL('embedded-postgres-main.ts', import.meta.url));
  const child = fork(main, ['serve', folder, String(options.port)], {
    execArgv: [...typescriptLoader(), '--max-semi-space-size=2'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log.warn({ text }, 'the embedded database says');
  });

  const said = await Promise.race([
    once(child, 'message').then(([message]) => message as Said),
    exited.then(({ code, signal }): Said => {
      return {
        kind: 'failed',
        code: 'internal',
        message: 'the embedded database ended while it started',
        details: { code, signal },
      };
    }),
  ]);
  if (said.kind === 'failed') {
    const { code, message, details } = said;
    throw new AppError(code, message, details ? { details } : {});
  }

  log.info({ port: said.port, pid: child.pid }, 'embedded database ready');
  return {
    url: `postgresql://postgres@127.0.0.1:${said.port}/postgres`,
    port: said.port,
    exited,
    [Symbol.asyncDispose]: async () => {
      const kill = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
      if (child.connected) child.send({ kind: 'stop' });
      await exited;
      clearTimeout(kill);
    },
  };
}

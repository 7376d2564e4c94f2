import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { DetachedProcess } from './processes.ts';
import type { Server } from './server.ts';
import { startServer } from './start.ts';

const quiet = { withinMs: 20_000, report: () => undefined };

/** A server on a real process; `lives[n]` says whether the n-th start survives. */
function aServer(
  folder: string,
  { port = 1, lives = [true] }: { port?: number; lives?: boolean[] },
) {
  const log: string[] = [];
  const child = new DetachedProcess({
    pidFile: join(folder, 'pid'),
    signature: `of ${folder}`,
  });
  let starts = 0;
  const server: Server = {
    name: 'redis',
    address: `127.0.0.1:${port}`,
    logFile: join(folder, 'log'),
    version: () => 'Test 1',
    install: () => {
      log.push('install');
      return Promise.resolve();
    },
    start: () => {
      log.push('start');
      const lasting = lives[Math.min(starts++, lives.length - 1)] ?? true;
      const script = lasting
        ? 'setInterval(() => undefined, 1000)'
        : "console.log('the disk is full')";
      return child.start(process.execPath, ['-e', script, `of ${folder}`], {
        logFile: server.logFile,
        cwd: folder,
      });
    },
    healthy: () =>
      lives[starts - 1] === false ? Promise.reject(new Error('not yet')) : Promise.resolve(),
    pid: () => child.pid(),
    stop: () => child.stop({ signals: ['SIGTERM'], graceMs: 5000 }),
    forget: () => undefined,
    environment: () => ({}),
  };
  return {
    server,
    log,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((resolve) =>
    probe.close(() => {
      resolve();
    }),
  );
  return port;
}

describe('starting a server', () => {
  test('a second start leaves a healthy one alone', async () => {
    using folder = temporaryFolder();
    await using it = aServer(folder.path, { port: await freePort() });

    const first = await startServer(it.server, quiet);
    const second = await startServer(it.server, quiet);

    expect(first.kind).toBe('started');
    expect(second).toEqual({ kind: 'already running', pid: first.pid });
    expect(it.log).toEqual(['install', 'start']);
  });

  test('one that dies early is tried again', async () => {
    using folder = temporaryFolder();
    await using it = aServer(folder.path, { port: await freePort(), lives: [false, true] });

    expect((await startServer(it.server, quiet)).kind).toBe('started');
    expect(it.log).toEqual(['install', 'start', 'start']);
  });

  test('one that never lives is reported with the end of its log', async () => {
    using folder = temporaryFolder();
    await using it = aServer(folder.path, { port: await freePort(), lives: [false] });

    await expect(startServer(it.server, { ...quiet, withinMs: 0 })).rejects.toThrow(
      'Test 1 did not become healthy',
    );
  });

  test('a port in use is one sentence that says what to do', async () => {
    using folder = temporaryFolder();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await using it = aServer(folder.path, { port });

    await expect(startServer(it.server, { ...quiet, portWithinMs: 0 })).rejects.toThrow(
      `port ${port} is in use by another process: end that one or set FLYWHEEL_SERVER_REDIS_PORT to a free port`,
    );
    expect(it.log).toEqual([]);
    other.close();
  });
});

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './command.ts';
import type { DebianPackages } from './debian.ts';
import { exchange } from './port.ts';
import { DetachedProcess } from './processes.ts';
import type { Server } from './server.ts';
import type { Settings } from './settings.ts';

const major = 7;

/** Debian's Redis with an append-only file, on loopback. */
export function redis(settings: Settings, debian: DebianPackages): Server {
  const port = settings.ports.redis;
  const folder = join(settings.folder, 'redis');
  const data = join(folder, 'data');
  const logFile = join(folder, 'redis.log');
  const server = new DetachedProcess({
    pidFile: join(folder, 'redis.pid'),
    signature: `redis-server --dir ${data}`,
  });

  return {
    name: 'redis',
    address: `127.0.0.1:${port}`,
    logFile,
    version: () => `Redis ${installedVersion() ?? major}`,
    install: async (report) => {
      if (installedVersion() === undefined) await debian.install(['redis-server'], report);
      const installed = installedVersion() ?? 'none';
      if (!installed.startsWith(`${major}.`))
        throw new Error(`Redis ${major} is needed, this machine has ${installed}`);
    },
    start: () => {
      mkdirSync(data, { recursive: true });
      // The title that Redis gives itself would hide the folder by which we know the process again.
      const identity = ['--dir', data, '--set-proc-title', 'no'];
      const listen = ['--port', String(port), '--bind', '127.0.0.1'];
      const durable = ['--appendonly', 'yes', '--save', ''];
      return server.start(
        findProgram('redis-server') ?? 'redis-server',
        [...identity, ...listen, ...durable],
        {
          logFile,
          cwd: folder,
        },
      );
    },
    healthy: async () => {
      const answer = await exchange(port, Buffer.from('PING\r\n'), (bytes) => bytes.includes('\n'));
      if (!answer.toString().startsWith('+PONG')) throw new Error(answer.toString().trim());
    },
    pid: () => server.pid(),
    stop: () => server.stop({ signals: ['SIGTERM'], graceMs: 20_000 }),
    forget: () => {
      rmSync(data, { recursive: true, force: true });
    },
    environment: () => ({ REDIS_URL: `redis://127.0.0.1:${port}` }),
  };
}

function installedVersion(): string | undefined {
  const program = findProgram('redis-server');
  if (program === undefined) return undefined;
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  return /v=(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
}

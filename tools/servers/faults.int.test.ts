import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { makeServers } from './catalog.ts';
import { DebianPackages } from './debian.ts';
import { isAlive } from './processes.ts';
import type { Server, ServerName } from './server.ts';
import { readSettings } from './settings.ts';
import { startServer } from './start.ts';
import { waitUntil } from './wait.ts';

const quiet = { withinMs: 120_000, report: () => undefined };

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

/** One server of its own, in a folder and on a port that nobody else has. */
async function own(name: ServerName) {
  const folder = temporaryFolder();
  chmodSync(folder.path, 0o755);
  const settings = readSettings(process.env, folder.path);
  const ports = { ...settings.ports, [name]: await freePort() };
  const [server] = makeServers(
    [name],
    { ...settings, folder: folder.path, ports },
    new DebianPackages(),
  );
  return {
    server: server!,
    folder: folder.path,
    [Symbol.asyncDispose]: async () => {
      await server!.stop();
      folder[Symbol.dispose]();
    },
  };
}

async function kill(server: Server): Promise<number> {
  const pid = server.pid()!;
  process.kill(pid, 'SIGKILL');
  await waitUntil(
    () => {
      if (isAlive(pid)) throw new Error('still alive');
    },
    { withinMs: 10_000 },
  );
  return pid;
}

describe('a server that was killed', () => {
  test('PostgreSQL comes back with what was committed', async () => {
    await using it = await own('postgres');
    await startServer(it.server, quiet);
    const url = it.server.environment()['DATABASE_URL'];
    const before = new Client({ connectionString: url });
    before.on('error', () => undefined);
    await before.connect();
    await before.query('create table kept as select generate_series(1, 10) as n');

    const killed = await kill(it.server);
    const { kind, pid } = await startServer(it.server, quiet);

    expect(kind).toBe('started');
    expect(pid).not.toBe(killed);
    const after = new Client({ connectionString: url });
    await after.connect();
    expect((await after.query('select count(*)::int as rows from kept')).rows).toEqual([
      { rows: 10 },
    ]);
    await after.end();
  });

  test('Redis comes back with what was written', async () => {
    await using it = await own('redis');
    await startServer(it.server, quiet);
    const before = new Redis(it.server.environment()['REDIS_URL']!, { retryStrategy: () => null });
    before.on('error', () => undefined);
    await before.set('kept', 'yes');
    // The append-only file is synchronised every second; a killed process loses nothing that the kernel has.
    await kill(it.server);

    await startServer(it.server, quiet);

    const after = new Redis(it.server.environment()['REDIS_URL']!);
    expect(await after.get('kept')).toBe('yes');
    after.disconnect();
  });

  test('S3 comes back although the pid file is wrong', async () => {
    await using it = await own('s3');
    await startServer(it.server, quiet);
    await kill(it.server);
    writeFileSync(join(it.folder, 's3', 's3.pid'), String(process.pid));

    const { kind } = await startServer(it.server, quiet);

    expect(kind).toBe('started');
  });

  test('a server that lost its pid file is found and left alone', async () => {
    await using it = await own('redis');
    const { pid } = await startServer(it.server, quiet);
    rmSync(join(it.folder, 'redis', 'redis.pid'));

    expect(await startServer(it.server, quiet)).toEqual({ kind: 'already running', pid });
  });

  test('a fresh start forgets what there was', async () => {
    await using it = await own('redis');
    await startServer(it.server, quiet);
    const before = new Redis(it.server.environment()['REDIS_URL']!);
    await before.set('kept', 'no');
    before.disconnect();
    await it.server.stop();
    it.server.forget();

    await startServer(it.server, quiet);

    const after = new Redis(it.server.environment()['REDIS_URL']!);
    expect(await after.get('kept')).toBeNull();
    after.disconnect();
  });
});

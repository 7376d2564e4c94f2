import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { type AppError, silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { isRunning } from './process-identity.ts';
import { openSql } from './sql.ts';
import { freshPostgresFolder } from './test-postgres.ts';
import { typescriptLoader } from './typescript-loader.ts';

const log = silentLogger;
const tally = [
  { name: '0001-tally', sql: 'create table tally (writer int, n int, primary key (writer, n))' },
];

describe('the embedded PostgreSQL under faults', () => {
  const folders: string[] = [];
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });

  const freshFolder = async () => {
    const folder = await freshPostgresFolder();
    folders.push(folder);
    return folder;
  };
  const start = (folder: string, port = 0) => startEmbeddedPostgres({ folder, port, log });
  const open = (url: string) => openSql({ url, schema: 'fault', migrations: tally, log });

  it('loses no acknowledged commit when it is killed under load, again and again', async () => {
    const folder = await freshFolder();
    const acknowledged: string[] = [];
    let nextN = 0;

    for (let round = 0; round < 3; round++) {
      const server = await start(folder);
      const sql = await open(server.url);
      const { pid } = holderOf(folder);
      const writers = [0, 1, 2].map(async (writer) => {
        for (;;) {
          const n = nextN++;
          const row = `${writer}:${n}`;
          if (writer === 0) await sql.query('insert into tally values ($1, $2)', [writer, n]);
          else
            await sql.transaction(async (tx) => {
              await tx.query('insert into tally values ($1, $2)', [writer, n]);
              await tx.query('select count(*) from tally');
            });
          acknowledged.push(row);
        }
      });
      const outcomes = Promise.allSettled(writers);
      const enough = acknowledged.length + 60;
      await eventually(() => expect(acknowledged.length).toBeGreaterThan(enough), {
        withinMs: 30_000,
      });

      process.kill(pid, 'SIGKILL');

      expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
      for (const outcome of await outcomes)
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
      await sql[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    }

    await using server = await start(folder);
    await using sql = await open(server.url);
    const rows = await sql.query<{ row: string }>(`select writer || ':' || n as row from tally`);
    const kept = new Set(rows.map(({ row }) => row));
    expect(acknowledged.filter((row) => !kept.has(row))).toEqual([]);
    expect(rows.length - acknowledged.length).toBeLessThanOrEqual(3 * 3);
  });

  it('lets a client go on by itself after a restart', async () => {
    const folder = await freshFolder();
    const first = await start(folder);
    await using sql = await open(first.url);
    await sql.query('insert into tally values (1, 1)');
    process.kill(holderOf(folder).pid, 'SIGKILL');
    await first.exited;
    await expect(sql.query('select 1')).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });

    await using second = await start(folder, first.port);
    expect(second.url).toBe(first.url);

    await eventually(async () => {
      expect(await sql.query('select n from tally')).toEqual([{ n: 1 }]);
    });
  });

  it('refuses a second server on the same folder at once, and the first is unharmed', async () => {
    const folder = await freshFolder();
    await using server = await start(folder);
    await using sql = await open(server.url);

    const refusals = await Promise.allSettled([start(folder), start(folder)]);

    for (const refusal of refusals)
      expect(refusal).toMatchObject({
        status: 'rejected',
        reason: {
          code: 'conflict',
          message: 'data folder is in use',
          details: { pid: holderOf(folder).pid },
        },
      });
    await sql.query('insert into tally values (1, 2)');
    expect(await sql.query('select n from tally')).toEqual([{ n: 2 }]);
  });

  it('lets one of many that start at once have the folder', async () => {
    const folder = await freshFolder();

    const outcomes = await Promise.allSettled([start(folder), start(folder), start(folder)]);

    const servers = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value] : [],
    );
    expect(servers).toHaveLength(1);
    for (const server of servers) await server[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual(['pg']);
  });

  it.each([
    ['a dead process', () => ({ pid: 4_194_301, parentPid: 4_194_301, startedAt: '1' })],
    [
      'a process whose pid was given to another',
      () => ({ pid: process.pid, parentPid: 1, startedAt: '1' }),
    ],
  ])('takes over the lock of %s', async (_who, holder) => {
    const folder = await freshFolder();
    writeFileSync(join(folder, 'lock'), JSON.stringify(holder()));

    await using server = await start(folder);

    expect(server.port).toBeGreaterThan(0);
    expect(holderOf(folder).pid).not.toBe(holder().pid);
  });

  it('takes over a lock that was cut off while it was written', async () => {
    const folder = await freshFolder();
    writeFileSync(join(folder, 'lock'), '{"pid":');

    await using server = await start(folder);

    expect(server.port).toBeGreaterThan(0);
    expect(holderOf(folder).pid).toBeGreaterThan(0);
  });

  it('says so when its port is taken, and leaves the folder free', async () => {
    const folder = await freshFolder();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };

    const refused = (await start(folder, port).catch((error: unknown) => error)) as AppError;

    expect(refused).toMatchObject({
      code: 'conflict',
      message: 'port is already in use',
      details: { port },
    });
    other.close();
    await once(other, 'close');
    await using server = await start(folder, port);
    expect(server.port).toBe(port);
  });

  it('ends with its parent, also when the parent is killed, and a restart needs no hand', async () => {
    const folder = await freshFolder();
    const parent = fork(
      fileURLToPath(new URL('embedded-postgres-parent.ts', import.meta.url)),
      [folder],
      {
        execArgv: typescriptLoader(),
      },
    );
    await once(parent, 'message');
    const { pid } = holderOf(folder);

    parent.kill('SIGKILL');
    await exitOf(parent);

    await using server = await start(folder);
    expect(server.port).toBeGreaterThan(0);
    expect(holderOf(folder).pid).not.toBe(pid);
    await eventually(() => expect(isRunning(pid)).toBe(false));
  });

  it('makes a new database in an empty folder, also where an earlier making was cut off', async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, 'pg.new'));
    writeFileSync(join(folder.path, 'pg.new', 'PG_VERSION'), 'half');

    const server = await start(folder.path);
    await using sql = await open(server.url);

    expect(await sql.query('select count(*) from tally')).toEqual([{ count: 0 }]);
    expect((await readdir(folder.path)).sort()).toEqual(['lock', 'pg']);
    await server[Symbol.asyncDispose]();
  });

  it('refuses what would break its backend, and goes on', async () => {
    await using server = await start(await freshFolder());
    await using sql = await open(server.url);

    for (const values of [undefined, []])
      await expect(sql.query('copy tally from stdin', values)).rejects.toMatchObject({
        cause: { message: 'COPY from stdin failed: COPY FROM STDIN is not supported here' },
      });
    await expect(sql.query('select pg_terminate_backend(pg_backend_pid())')).resolves.toBeDefined();

    expect(await sql.query('select 1 as n')).toEqual([{ n: 1 }]);
  });

  it('ends when its backend is broken all the same, with every commit kept', async () => {
    const folder = await freshFolder();
    const first = await start(folder);
    const sql = await open(first.url);
    await sql.query('insert into tally values (1, 1)');
    await sql.query('create function endless() returns int language sql as $$ select endless() $$');

    await expect(sql.query('select endless()')).rejects.toMatchObject({ code: 'unavailable' });

    expect(await first.exited).toEqual({ code: 70, signal: null });
    await sql[Symbol.asyncDispose]();
    await using server = await start(folder);
    await using again = await open(server.url);
    expect(await again.query('select n from tally')).toEqual([{ n: 1 }]);
  });

  it('stops cleanly within a second and gives its folder back', async () => {
    const folder = await freshFolder();
    const server = await start(folder);
    await using sql = await open(server.url);
    await sql.query('select 1');

    await server[Symbol.asyncDispose]();

    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(await readdir(folder)).toEqual(['pg']);
    await expect(sql.query('select 1')).rejects.toMatchObject({ code: 'unavailable' });
  });
});

function holderOf(folder: string): { pid: number } {
  return JSON.parse(readFileSync(join(folder, 'lock'), 'utf8')) as { pid: number };
}

async function exitOf(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

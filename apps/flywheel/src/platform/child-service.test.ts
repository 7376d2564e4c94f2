import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { startChildService } from './child-service.ts';

/** Answers as ready, and does as it is told by the path of a request; leaves with its parent. */
const obedient = `
import { createServer } from 'node:http';
process.once('disconnect', () => process.exit(0));
createServer((request, response) => {
  response.end();
  if (request.url === '/fail') {
    console.error('{"level":50,"msg":"a part of the process failed"}');
    console.error('Flywheel could not go on: the log did not answer in time.');
    process.exit(1);
  }
  if (request.url === '/crash') setImmediate(() => { throw new TypeError('x is undefined'); });
}).listen(Number(process.env.PORT), '127.0.0.1');
`;

async function start(main: string) {
  const folder = temporaryFolder();
  const file = join(folder.path, 'main.mjs');
  writeFileSync(file, main);
  const url = `http://127.0.0.1:${await freePort()}`;
  const child = await startChildService({
    name: 'monitor',
    main: file,
    environment: { PATH: process.env['PATH'], PORT: new URL(url).port },
    logFile: join(folder.path, 'monitor.log'),
    url,
    signal: new AbortController().signal,
  }).catch((error: unknown) => {
    folder[Symbol.dispose]();
    throw error;
  });
  return {
    ...{ url, child },
    [Symbol.asyncDispose]: async () => {
      await child[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('the last words of a process', () => {
  it.each([
    ['fail', 'exit code 1, the log did not answer in time'],
    ['crash', 'exit code 1, TypeError: x is undefined'],
  ])('that had to %s tell why', async (path, words) => {
    await using service = await start(obedient);

    await fetch(`${service.url}/${path}`);
    await service.child.exited;

    expect(service.child.lastWords()).toBe(words);
  });

  it('that was killed tell the signal', async () => {
    await using service = await start(obedient);

    await service.child.kill('process');

    expect(service.child.lastWords()).toBe('SIGKILL');
  });

  it('that never was ready tell which it was', async () => {
    await expect(start('throw new RangeError("no such port");')).rejects.toThrow(
      'monitor ended while it started (exit code 1, RangeError: no such port)',
    );
  });
});

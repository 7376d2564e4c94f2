import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { defineOperation, ingestion, router } from '@flywheel/contracts';
import { silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { createHttpServer } from '@flywheel/http';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { breakTask, count, countingService, listCounted } from './fixture/counting-service.ts';
import { defineService, explain, startProcess } from './index.ts';
import type { Service, ServiceContext, StartOptions } from './index.ts';
import { testDataFolder } from './testing.ts';

// Every test starts a process of its own on the same folder.
const folder = await testDataFolder();
afterAll(() => folder[Symbol.dispose]());

const start = (
  services: readonly Service[],
  environment: Record<string, string> = {},
  options: Partial<StartOptions> = {},
) =>
  startProcess(services, {
    environment: {
      FLYWHEEL_HTTP_PORT: '0',
      FLYWHEEL_KAFKA_PORT: '0',
      FLYWHEEL_SQL_PORT: '0',
      FLYWHEEL_DATA: folder.path,
      ...environment,
    },
    log: silentLogger,
    ...options,
  });

const aService = (
  run: (context: ServiceContext<object>) => Promise<void> | void,
  name: Service['name'] = 'monitor',
) => defineService({ name, config: z.object({}), start: async (context) => run(context) });

const post = (url: string, path: string) => fetch(`${url}${path}`, { method: 'POST' });

describe('a process', () => {
  it('serves its services, and tells what it is', async () => {
    await using running = await start([countingService], { COUNTING_LIMIT: '7' });
    const { url } = running;

    const counted = await post(url, '/api/ingestion/counted/first');
    const config = await (await fetch(`${url}/status/config`)).text();
    const metrics = await (await fetch(`${url}/metrics`)).text();

    expect([counted.status, await counted.json()]).toEqual([200, { batch: 'first' }]);
    await eventually(async () =>
      expect(await (await fetch(`${url}/api/ingestion/counted`)).json()).toEqual({
        stored: ['first'],
        logged: ['first'],
        handled: ['first'],
      }),
    );
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    expect(JSON.parse(config)).toMatchObject({
      FLYWHEEL_PLATFORM: 'embedded',
      COUNTING_LIMIT: 7,
      COUNTING_TOKEN: '***',
    });
    expect(config).not.toContain('hunter2');
    expect(metrics).toContain('http_requests_total{');
    expect(metrics).toContain('bus_published_total{service="ingestion",topic="ingest.batches"} 1');
    expect(await (await fetch(`${url}/status/addresses`)).json()).toEqual(running.addresses);
    expect(await (await fetch(`${url}/asyncapi.json`)).json()).toMatchObject({ asyncapi: '3.0.0' });
    expect(running.addresses).toMatchObject({ http: url, docs: `${url}/docs` });
  });

  it('answers browsers under the names it is told, and no other', async () => {
    await using running = await start([countingService], {
      FLYWHEEL_HTTP_ALLOWED_HOSTS: 'flywheel.example',
    });
    const statusFor = (origin: string) =>
      fetch(`${running.url}/api/ingestion/counted/from-a-page`, {
        method: 'POST',
        headers: { origin },
      }).then(({ status }) => status);

    expect(await statusFor('https://flywheel.example')).toBe(200);
    expect(await statusFor('https://elsewhere.example')).toBe(403);
  });

  it('gives each service what is its own, and refuses what is another’s', async () => {
    const seen: unknown[] = [];
    await using running = await start([
      aService(async ({ bus, objects, publicObjects, folder: own, instance, peers }) => {
        await objects.put('a/b', Buffer.from('x'));
        seen.push(await publicObjects.stat('monitor/a/b'), own, instance, typeof peers.call);
        await bus
          .publish(router.feedbackReceived, {
            ...{ id: 'f', prediction: 'p', endpoint: 'e', label: 1, values: {}, revision: 0 },
            ...{ knownAt: '2001-01-01T00:00:00Z', source: '' },
          })
          .catch((error: unknown) => seen.push(error));
      }),
    ]);

    expect(running.url).toContain('http://127.0.0.1:');
    expect(seen).toEqual([
      expect.objectContaining({ sizeBytes: 1 }),
      join(folder.path, 'services', 'monitor'),
      expect.stringMatching(/^[0-9a-f-]{36}$/),
      'function',
      expect.objectContaining({ code: 'permission_denied' }),
    ]);
  });

  it('calls its own services and those elsewhere by the same words', async () => {
    await using elsewhere = createHttpServer({ log: silentLogger });
    elsewhere.operation(count, ({ params }) => ({ batch: `${params.batch}, counted elsewhere` }));
    const { port } = await elsewhere.listen({ port: 0, host: '127.0.0.1' });
    const remote = `http://127.0.0.1:${port}`;
    const answers: unknown[] = [];
    const caller = aService(({ http, peers, urlOf }) => {
      http.route({
        service: 'monitor',
        name: 'monitor.ask',
        summary: 'Asks',
        method: 'POST',
        path: '/ask',
        body: 'none',
        handler: async () => {
          answers.push(urlOf('ingestion'), urlOf('monitor'));
          return { body: await peers.call(count, { params: { batch: 'one' } }) };
        },
      });
    });
    await using running = await start([caller], {
      FLYWHEEL_PEERS: `ingestion=${remote}/`,
    });

    const answer = await post(running.url, '/ask');

    expect(await answer.json()).toEqual({ batch: 'one, counted elsewhere' });
    expect(answers).toEqual([remote, running.url]);
  });
});

describe('a start that fails', () => {
  it('closes what was opened, in reverse, and leaves nothing in the way of the next', async () => {
    const order: string[] = [];
    const closing = (name: string) => () => void order.push(`${name} closes`);

    const failing = start([
      aService(({ scope, signal }) => {
        scope.defer(closing('first'));
        scope.defer(closing('second'));
        signal.addEventListener('abort', () => order.push('told'));
      }),
      aService(({ scope }) => {
        scope.defer(closing('third'));
        throw new Error('cannot start');
      }, 'trainer'),
      aService(() => void order.push('never'), 'router'),
    ]);

    await expect(failing).rejects.toThrow('cannot start');
    expect(order).toEqual(['told', 'third closes', 'second closes', 'first closes']);
    await using next = await start([]);
    expect(next.url).toContain('http');
  });

  it.each(['FLYWHEEL_HTTP_PORT', 'FLYWHEEL_KAFKA_PORT', 'FLYWHEEL_SQL_PORT'])(
    'because %s is taken says so in one sentence',
    async (variable) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;

      const error: unknown = await start([], { [variable]: String(port) }).catch(
        (thrown: unknown) => thrown,
      );

      server.close();
      expect(explain(error)).toBe(
        `Port ${port} is taken: stop what uses it or set another with FLYWHEEL_HTTP_PORT, FLYWHEEL_KAFKA_PORT or FLYWHEEL_SQL_PORT.`,
      );
    },
  );

  it('because the data folder is in use says so, and leaves the first in peace', async () => {
    await using first = await start([countingService]);

    const error: unknown = await start([]).catch((thrown: unknown) => thrown);

    expect(explain(error)).toBe(
      `The data folder ${folder.path} is in use by process ${process.pid}: stop that process or set another folder with FLYWHEEL_DATA.`,
    );
    expect((await post(first.url, '/api/ingestion/counted/in-peace')).status).toBe(200);
  });

  it('because it is told to give up ends soon', async () => {
    const controller = new AbortController();
    const giveUp = aService(async ({ signal }) => {
      controller.abort();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });

    await expect(start([giveUp], {}, { signal: controller.signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });

  it('because a part fails meanwhile does not wait for the rest', async () => {
    const hanging = aService(({ spawn }) => {
      spawn('task', Promise.reject(new Error('the task broke')));
      return new Promise<void>(() => undefined);
    });

    await expect(start([hanging])).rejects.toThrow('the task broke');
  });
});

describe('a failure', () => {
  it('of a background task is the failure of the process', async () => {
    await using running = await start([countingService]);

    await post(running.url, breakTask.path);

    await expect(running.failed).rejects.toThrow('the task broke');
  });

  it('of an embedded server is the failure of the process', async () => {
    await using running = await start([]);
    const [, pid] = readdirSync(join(folder.path, 'log'))
      .find((name) => name.startsWith('lock.'))!
      .split('.');

    process.kill(Number(pid), 'SIGKILL');

    await expect(running.failed).rejects.toThrow('embedded broker ended by itself (SIGKILL)');
  });

  it('while the process stops is none', async () => {
    let isFailed = false;
    {
      await using running = await start([
        aService(({ signal, spawn }) => {
          spawn(
            'task',
            new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error()))),
          );
        }),
      ]);
      running.failed.catch(() => (isFailed = true));
    }

    expect(isFailed).toBe(false);
  });
});

describe('a stop', () => {
  const wait = defineOperation({
    name: 'ingestion.wait',
    service: 'ingestion',
    method: 'POST',
    path: '/api/ingestion/wait',
    summary: 'Answers once the process stops',
    reply: z.object({ stored: z.boolean() }),
  });

  it('finishes requests and events under way before it closes what they need', async () => {
    const order: string[] = [];
    let isAsked: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (isAsked = resolve));
    const handling = aService(async ({ bus, http, openSql, scope, signal, spawn }) => {
      const sql = await openSql([
        { name: '0002-create-slow', sql: 'create table if not exists slow (batch text)' },
      ]);
      scope.defer(() => order.push('service closes'));
      const stopped = new Promise<void>((resolve) =>
        signal.addEventListener('abort', () => resolve()),
      );
      const store = async (batch: string) => {
        await sql.query('insert into slow (batch) values ($1)', [batch]);
        order.push(batch);
      };
      bus.subscribe(ingestion.snapshotCreated, async ({ data }) => {
        isAsked();
        await stopped;
        await store(`event ${data.id}`);
      });
      http.operation(wait, async () => {
        await bus.publish(ingestion.snapshotCreated, aSnapshot);
        await stopped;
        await store('request');
        return { stored: true };
      });
      spawn(
        'task',
        stopped.then(() => store('task')),
      );
    }, 'ingestion');

    const running = await start([handling]);
    const answer = post(running.url, '/api/ingestion/wait');
    await asked;
    await running[Symbol.asyncDispose]();

    expect(await (await answer).json()).toEqual({ stored: true });
    expect(order.at(-1)).toBe('service closes');
    expect(order.slice(0, -1).sort()).toEqual(['event s', 'request', 'task']);
    await expect(fetch(running.url)).rejects.toThrow();
  });

  it('leaves everything to the next start', async () => {
    {
      await using first = await start([countingService]);
      await post(first.url, '/api/ingestion/counted/kept');
    }

    await using second = await start([countingService]);

    const kept = await (await fetch(`${second.url}${listCounted.path}`)).json();
    expect(kept).toMatchObject({
      stored: expect.arrayContaining(['kept']) as string[],
      logged: expect.arrayContaining(['kept']) as string[],
    });
  });
});

const aSnapshot = {
  id: 's',
  dataset: 'counted',
  createdAt: '2001-01-01T00:00:00Z',
  sequence: 1,
  records: 0,
  columns: [],
  digest: '0'.repeat(64),
  files: [],
};

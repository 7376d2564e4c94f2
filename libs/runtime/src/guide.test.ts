import { defineOperation, ingestion } from '@flywheel/contracts';
import { eventually } from '@flywheel/core/testing';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineService, explain, loop, runProcess, secret } from './index.ts';
import { configTable, startTestProcess } from './testing.ts';

// Chapter 1. What a service can be told stands in one schema: names of variables, defaults, meanings.
const config = z.object({
  COUNTER_EVERY_MS: z.coerce.number().int().min(1).default(10).describe('how often it counts'),
  COUNTER_TOKEN: secret().prefault('unset').describe('what callers must know'),
});

it('variables document themselves', () => {
  expect(configTable(config)).toContain(
    '| `COUNTER_EVERY_MS` | `10`    | how often it counts    |',
  );
});

// Chapter 2. A service is a value. Importing it does nothing; its `start` takes what it needs, so that the signature
// tells its dependencies. Whoever acquires something gives it to the scope.
const readCounts = defineOperation({
  name: 'ingestion.read-counts',
  service: 'ingestion',
  method: 'GET',
  path: '/api/ingestion/counts',
  summary: 'Tells how often what was counted',
  reply: z.object({ ticks: z.number(), batches: z.number() }),
});

const closed: string[] = [];
const counter = defineService({
  name: 'ingestion',
  config,
  start: async ({ bus, config: settings, http, metrics, openSql, scope, signal, spawn }) => {
    const sql = await openSql([
      { name: '0001-create-batches', sql: 'create table batches (batch text primary key)' },
    ]);
    const tickCount = metrics.counter('ingestion_ticks_total', 'Ticks');
    let ticks = 0;
    scope.defer(() => closed.push('counter'));

    // Chapter 3. Events come in through the bus, which is the service's own: its group, its topics.
    bus.subscribe(ingestion.batchReceived, async ({ data }) => {
      await sql.query('insert into batches (batch) values ($1) on conflict do nothing', [
        data.batch,
      ]);
    });

    // Chapter 4. Background work is a loop that is spawned: it never overlaps, it ends with the process, and its
    // failure is the failure of the process.
    const tick = () => {
      tickCount.add();
      return Promise.resolve(ticks++);
    };
    spawn('tick', loop(tick, { everyMs: settings.COUNTER_EVERY_MS, signal }));

    http.operation(readCounts, async () => {
      const [row] = await sql.query<{ batches: string }>('select count(*) as batches from batches');
      return { ticks, batches: Number(row?.batches) };
    });
    await bus.publish(ingestion.batchReceived, {
      ...{ dataset: 'flights', batch: 'a', format: 'json', records: 1, sizeBytes: 2 },
    });
  },
});

// Chapter 5. A process is a list of services. In tests it runs on an embedded platform of its own, on free ports.
it('services run on a platform that is really there', async () => {
  {
    await using running = await startTestProcess([counter]);

    await eventually(async () => {
      const reply = await fetch(`${running.url}${readCounts.path}`);
      const counts = readCounts.reply.parse(await reply.json());
      expect(counts.batches).toBe(1);
      expect(counts.ticks).toBeGreaterThan(1);
    });
    const status = await fetch(`${running.url}/status/config`);
    expect(await status.json()).toMatchObject({ COUNTER_EVERY_MS: 10, COUNTER_TOKEN: '***' });
  }

  expect(closed).toEqual(['counter']);
});

// Chapter 6. `runProcess` adds what a shell needs: signals, exit codes, and one sentence when something is wrong. All
// mistakes of an environment are told together, before anything is opened.
it('a wrong environment ends with 78 and one sentence', async () => {
  const told: string[] = [];

  const code = await runProcess([counter], {
    environment: { FLYWHEEL_HTTP_PORT: 'x', COUNTER_EVERY_MS: '0' },
    report: (sentence) => told.push(sentence),
  });

  expect(code).toBe(78);
  expect(told).toEqual([
    'Configuration is wrong: FLYWHEEL_HTTP_PORT must be a number; COUNTER_EVERY_MS must be at least 1.',
  ]);
  expect(await runProcess([counter], { environment: {}, arguments: ['--check'] })).toBe(0);
});

// Chapter 7. Whoever writes a command of his own explains failures by the same sentences.
it('failures are told in words that help', () => {
  expect(explain(new Error('embedded broker ended by itself (SIGKILL)'))).toBe(
    'Flywheel could not go on: embedded broker ended by itself (SIGKILL).',
  );
});

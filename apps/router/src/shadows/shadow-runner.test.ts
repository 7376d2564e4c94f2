import { AppError, sha256, silentLogger } from '@flywheel/core';
import type { EventData, registry, router } from '@flywheel/contracts';
import { openModelPool } from '@flywheel/inference';
import type { ModelPool } from '@flywheel/inference';
import { logisticModel } from '@flywheel/inference/testing';
import { createSinkOffsets } from '@flywheel/kafka';
import type { Bus, ReceivedEvent } from '@flywheel/kafka';
import { openSql } from '@flywheel/storage';
import type { Sql } from '@flywheel/storage';
import { startTestPostgres } from '@flywheel/storage/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrations } from '../migrations.ts';
import { RouteTable } from '../routing/route-table.ts';
import { ShadowBooks } from './shadow-books.ts';
import { ShadowRunner } from './shadow-runner.ts';

type Logged = ReceivedEvent<EventData<typeof router.predictionsLogged>>;
type Told = { id?: string | undefined; data: EventData<typeof router.shadowPredictionsLogged> };

const onnx = Buffer.from(logisticModel([1, -1], 0));
const scope: AsyncDisposable[] = [];
let sql: Sql;
let pool: ModelPool;

beforeAll(async () => {
  const postgres = await startTestPostgres();
  sql = await openSql({ url: postgres.url, schema: 'router', migrations, log: silentLogger });
  pool = await openModelPool({ workers: 1 });
  scope.push(pool, sql, postgres);
});
beforeEach(async () => {
  await sql.query('truncate shadow_books, sink_offsets');
  await pool.unload(sha256(onnx));
});
afterAll(async () => {
  for (const one of scope) await one[Symbol.asyncDispose]();
});

function aVariant(role: registry.Variant['role']): registry.Variant {
  return {
    ...{ name: role, role, model: 'm', version: role === 'champion' ? 1 : 2 },
    ...{ digest: 'd'.repeat(64), weight: role === 'champion' ? 1 : 0, sampleRatio: 1 },
    artifact: { objectKey: 'shadow', sha256: sha256(onnx) },
  };
}
const deployment: registry.Deployment = {
  ...{ endpoint: 'e', revision: 1, changedAt: '2001-05-01T00:00:00.000Z', changedBy: 'test' },
  ...{ reason: '', featureService: null, salt: 'salt' },
  variants: [aVariant('champion'), aVariant('shadow')],
};

function anEvent(
  offset: bigint,
  ids: readonly string[],
  vector: (number | null)[] = [2, 1],
): Logged {
  return {
    offset,
    data: {
      ...{ instance: 'i', sequence: Number(offset), endpoint: 'e', features: [] },
      predictions: ids.map((id) => ({
        ...{ id, request: id, endpoint: 'e', revision: 1, variant: 'champion', role: 'champion' },
        ...{ model: 'm', version: 1, propensity: 1, atMs: 1, answeredMs: 2, latencyMs: 1 },
        ...{ modelMs: 0.1, status: 'answered', error: null, entities: {}, requestFeatures: {} },
        ...{ vector, score: 0.5 },
      })),
    },
  } as unknown as Logged; // the members that a handler reads
}

function start(options: { known?: Promise<void>; isDeployed?: boolean } = {}) {
  const told: Told[] = [];
  const store = { isAway: false };
  const table = new RouteTable({
    log: silentLogger,
    prepare: () => Promise.reject(new Error('nothing is answered here')),
  });
  if (options.isDeployed !== false) void table.replace(deployment).catch(() => undefined);
  const books = new ShadowBooks(sql);
  const runner = new ShadowRunner({
    bus: {
      publishAll: (_contract: unknown, items: readonly unknown[]) => {
        told.push(...(items as Told[]));
        return Promise.resolve([]);
      },
    } as Pick<Bus, 'publishAll'>,
    ...{ sql, offsets: createSinkOffsets(), table, books, pool, log: silentLogger },
    deploymentsKnown: options.known ?? Promise.resolve(),
    objects: {
      get: () =>
        store.isAway
          ? Promise.reject(new AppError('unavailable', 'the object store is away'))
          : Promise.resolve(onnx),
    } as never,
  });
  const handle = (events: readonly Logged[]) =>
    runner.handle(events, { partition: 0, signal: new AbortController().signal } as never);
  return { runner, table, books, told, store, handle };
}

const answers = (told: readonly Told[]) => told.flatMap(({ data }) => data.predictions);

describe('a shadow runner', () => {
  it('counts a batch once however often it comes, and tells it under the same ids', async () => {
    const { handle, books, told, runner } = start();
    const batch = [anEvent(5n, ['a', 'b']), anEvent(6n, ['c'])];

    await handle(batch);
    await handle(batch);
    await handle([anEvent(6n, ['c']), anEvent(7n, ['d'])]);

    expect(await books.of('e')).toMatchObject({ shadow: { eligible: 4, answered: 4 } });
    expect(told[0]?.id).toBe(told[1]?.id);
    expect(await runner.resumeAt(0)).toBe(8n);
    expect(answers(told)[0]).toMatchObject({
      ...{ prediction: 'a', status: 'answered', variant: 'shadow', version: 2 },
      ...{ score: expect.closeTo(1 / (1 + Math.exp(-1)), 6) as number, answered: { score: 0.5 } },
    });
  });

  it('waits for the deployments before it says that a prediction has no shadow', async () => {
    let know: () => void = () => undefined;
    const known = new Promise<void>((resolve) => (know = resolve));
    const { handle, table, books } = start({ known, isDeployed: false });

    const handled = handle([anEvent(0n, ['a'])]);
    void table.replace(deployment).catch(() => undefined);
    know();
    await handled;

    expect(await books.of('e')).toMatchObject({ shadow: { eligible: 1, answered: 1 } });
  });

  it('has applied nothing when the object store is away, and all of it when it is back', async () => {
    const { handle, books, told, store } = start();
    store.isAway = true;

    await expect(handle([anEvent(0n, ['a'])])).rejects.toMatchObject({ retryable: true });
    expect([told.length, await books.of('e')]).toEqual([0, {}]);
    store.isAway = false;
    await handle([anEvent(0n, ['a'])]);

    expect(await books.of('e')).toMatchObject({ shadow: { eligible: 1, answered: 1 } });
  });

  it('ends a request that the shadow cannot compute as failed, with its reason', async () => {
    const { handle, books, told } = start();

    await handle([anEvent(0n, ['a'], [1, 2, 3])]);

    expect(answers(told)).toMatchObject([
      { status: 'failed', reason: 'invalid_argument', score: null },
    ]);
    expect(await books.of('e')).toMatchObject({
      shadow: { eligible: 1, sent: 1, answered: 0, failed: { invalid_argument: 1 } },
    });
  });

  it('takes vectors of different lengths in one message, each for itself', async () => {
    const { handle, books } = start();
    const event = anEvent(0n, ['a', 'b'], [2, 1]);
    Object.assign(event.data.predictions[0]!, { vector: [1, 2, 3] });

    await handle([event]);

    expect(await books.of('e')).toMatchObject({
      shadow: { eligible: 2, answered: 1, failed: { invalid_argument: 1 } },
    });
  });

  it('passes over what failed: there is no answer to compare with', async () => {
    const { handle, books, told } = start();
    const event = anEvent(0n, ['a']);
    Object.assign(event.data.predictions[0]!, { status: 'failed', vector: [], score: null });

    await handle([event]);

    expect([told.length, await books.of('e')]).toEqual([0, {}]);
  });
});

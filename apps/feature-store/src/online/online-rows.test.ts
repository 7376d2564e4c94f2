import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { openLmdbOnlineStore } from '@flywheel/storage';
import type { OnlineStore } from '@flywheel/storage';
import { resolveView } from '../definitions/resolved-service.ts';
import { storeKey } from '../vectors/entity-key.ts';
import { aggregateRows } from '../windows/aggregate-rows.ts';
import { packedRows, ROW_HEAD } from '../windows/window-rows.ts';
import { OnlineRows } from './online-rows.ts';
import type { OnlineRow } from './online-rows.ts';

const HOUR_MS = 3_600_000;
const folder = temporaryFolder();
let store: OnlineStore;

beforeAll(() => {
  store = openLmdbOnlineStore({ folder: folder.path, namespace: 'online-rows' });
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const described = {
  ...{ description: '', owner: '', tags: {}, version: 1, hash: '0'.repeat(64) },
  updatedAt: '2001-05-01T00:00:00.000Z',
};
const view = resolveView(
  {
    ...described,
    name: 'history',
    entity: 'origin',
    sources: [{ kind: 'dataset', dataset: 'flights', eventTime: 'date', knownAt: 'known_at' }],
    windows: ['24h'],
    aggregations: [
      { feature: 'flights', fn: 'count' },
      { feature: 'mean_delay', fn: 'mean', column: 'delay' },
    ],
  },
  { ...described, name: 'origin', keys: ['origin'], separator: '-' },
);

const rowOf = (id: number, origin = 'ORD'): OnlineRow => ({
  parts: [origin],
  row: { id, revision: 0, eventMs: id * 1000, knownMs: id * 1000, values: [id] },
});

async function valuesOf(origin: string): Promise<number[]> {
  const [stored] = await store.getMany([storeKey(view, [origin])]);
  const rows = packedRows(stored, ROW_HEAD + view.plan.columns.length);
  return [...aggregateRows(rows, view.plan, HOUR_MS)];
}

describe('rows of the online store', () => {
  it('are all there when streams and loads write to one entity at the same time', async () => {
    const online = new OnlineRows(store, systemClock);

    await Promise.all(
      Array.from({ length: 100 }, (_, id) =>
        online.apply([{ view, rows: [rowOf(id + 1), rowOf(id + 1, 'LAX')] }]),
      ),
    );

    expect(await valuesOf('ORD')).toEqual([100, 50.5]);
    expect(await valuesOf('LAX')).toEqual([100, 50.5]);
  });

  it('are there once, however often they come', async () => {
    const online = new OnlineRows(store, systemClock);
    const rows = [rowOf(1, 'JFK'), rowOf(2, 'JFK')];

    await online.apply([{ view, rows: [...rows, ...rows] }]);
    await online.apply([{ view, rows }]);

    expect(await valuesOf('JFK')).toEqual([2, 1.5]);
  });
});

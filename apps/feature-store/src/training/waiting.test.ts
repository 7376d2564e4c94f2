import { featureStore } from '@flywheel/contracts';
import { silentLogger, systemClock } from '@flywheel/core';
import { expect, it } from 'vitest';
import { resolveService, resolveView } from '../definitions/resolved-service.ts';
import { columns, definitions } from '../fixture/flights.ts';
import { askForSet } from '../fixture/training-rows.ts';
import { TrainingSets } from './training-sets.ts';

const LONG_MS = 2 ** 30;
const stored = { version: 1, hash: 'a'.repeat(64), updatedAt: '2001-05-01T00:00:00.000Z' };
const service = featureStore.featureService.parse({ name: 'flights', views: ['origin_history'] });
const resolved = resolveService(service, [
  resolveView(
    featureStore.storedView.parse({
      ...{ name: 'origin_history', ...definitions['views/origin_history'], ...stored },
    }),
    featureStore.storedEntity.parse({ name: 'origin', keys: ['origin'], ...stored }),
  ),
]);

/** Something to wait for, and what lets it go on. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), opened };
}

/** Training sets whose join fails when `join` opens, over a table of one row that is shown when `look` opens. */
function aTrainingSet(stopping = new AbortController()) {
  const [join, look, finished] = [gate(), gate(), gate()];
  let row: unknown;
  const sets = new TrainingSets({
    sql: {
      query: async (text: string, values: readonly unknown[]) => {
        if (text.startsWith('select')) {
          const seen = row;
          await look.opened;
          return [{ training_set: seen }];
        }
        row = JSON.parse(String(values[2]));
        if (text.startsWith('update')) finished.open();
        return [{ training_set: row, fresh: true }];
      },
    } as never,
    definitions: { service: () => resolved, storedService: () => stored } as never,
    peers: {
      call: () =>
        Promise.resolve({
          ...{ id: 'flights@1', dataset: 'flights', digest: 'b'.repeat(64), files: [] },
          columns: Object.entries(columns).map(([name, type]) => ({ name, type })),
        }),
    } as never,
    openAnalytics: () => join.opened.then(() => Promise.reject(new Error('no join'))),
    objects: undefined as never,
    publicObjects: undefined as never,
    ...{ folder: '/nowhere', clock: systemClock, log: silentLogger, signal: stopping.signal },
  });
  return { sets, join, look, finished };
}

const request = featureStore.trainingSetRequest.parse(askForSet('flights@1'));

it('whoever waits for a set is told, also when it finished while they looked', async () => {
  const { sets, join, look, finished } = aTrainingSet();
  const { id } = await sets.create(request);
  const waiting = sets.get(id, LONG_MS);

  join.open();
  await finished.opened;
  await new Promise(setImmediate);
  look.open();

  expect(await waiting).toMatchObject({ state: 'failed' });
});

it('whoever waits for a set is answered when the time is over or the process stops', async () => {
  const stopping = new AbortController();
  const { sets, look } = aTrainingSet(stopping);
  look.open();
  const { id } = await sets.create(request);

  expect(await sets.get(id, 1)).toMatchObject({ state: 'running' });
  const waiting = sets.get(id, LONG_MS);
  stopping.abort();
  expect(await waiting).toMatchObject({ state: 'running' });
  expect(await sets.get(id, LONG_MS)).toMatchObject({ state: 'running' });
});

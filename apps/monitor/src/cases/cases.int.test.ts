import { randomUUID } from 'node:crypto';
import { silentLogger } from '@flywheel/core';
import { openSql } from '@flywheel/storage';
import { expect, it } from 'vitest';
import { aPrediction, aShadowScore, feedbackFor } from '../fixture/cases.ts';
import { migrations } from '../migrations.ts';
import { Cases } from './cases.ts';

const ROWS = 300;
const ROUNDS = 10;

/** A schema of its own on PostgreSQL, which ends one of two statements that wait for one another with an error. */
async function openCases() {
  const sql = await openSql({
    url: process.env['DATABASE_URL'] ?? '',
    schema: `monitor_${randomUUID().replaceAll('-', '')}`,
    migrations,
    log: silentLogger,
    maxConnections: 8,
  });
  return {
    cases: new Cases(sql),
    [Symbol.asyncDispose]: () => sql[Symbol.asyncDispose](),
  };
}

const ids = Array.from({ length: ROWS }, (_, index) => String(index).padStart(4, '0'));

it('predictions and their feedback, arriving together in any order, never wait for one another', async () => {
  await using opened = await openCases();
  const { cases } = opened;

  for (let round = 0; round < ROUNDS; round++) {
    const predictions = ids.map((id) => aPrediction('e', `${round}/${id}`));
    const feedback = (partition: number) =>
      ids.map((id, place) => ({
        ...{ data: feedbackFor('e', `${round}/${id}`), partition },
        offset: BigInt(round * ROWS + place),
      }));
    await Promise.all([
      cases.addPredictions('e', ['f', 'g'], predictions),
      cases.addFeedback(feedback(0).toReversed()),
      cases.addPredictions('e', ['f', 'g'], predictions.toReversed()),
      cases.addFeedback(feedback(1)),
    ]);
  }

  const all = ROWS * ROUNDS;
  expect(await cases.counts('e')).toMatchObject({
    ...{ predictions: all, labelled: all, pending: 0, early: 0, duplicates: all },
  });
});

it('scores of several shadows, arriving together in any order, never wait for one another', async () => {
  await using opened = await openCases();
  const { cases } = opened;

  for (let round = 0; round < ROUNDS * ROUNDS; round++) {
    const scores = (ofRound: string, variants: readonly string[]) =>
      cases.addShadows(
        'e',
        variants.map((variant) => aShadowScore('e', ofRound, { variant })),
      );
    await Promise.all([
      scores(`${round}/0`, ['m-1', 'm-2', 'm-3', 'm-4']),
      scores(`${round}/1`, ['m-4', 'm-3', 'm-2', 'm-1']),
    ]);
  }

  const all = 2 * ROUNDS * ROUNDS;
  expect((await cases.counts('e')).shadows).toEqual({
    ...{ 'm-1': all, 'm-2': all, 'm-3': all, 'm-4': all },
  });
});

import { silentLogger } from '@flywheel/core';
import type { router } from '@flywheel/contracts';
import { openSql } from '@flywheel/storage';
import type { Sql } from '@flywheel/storage';
import { startTestPostgres } from '@flywheel/storage/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPrediction, aShadowScore, feedbackFor } from '../fixture/cases.ts';
import { migrations } from '../migrations.ts';
import { Cases, packVector, unpackVector } from './cases.ts';

let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
let sql: Sql;
let cases: Cases;

beforeAll(async () => {
  postgres = await startTestPostgres();
  sql = await openSql({ url: postgres.url, schema: 'monitor', migrations, log: silentLogger });
  cases = new Cases(sql);
});
afterAll(async () => {
  await sql[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

let endpoints = 0;
const anEndpoint = () => `e${++endpoints}`;

const take = (endpoint: string, ...predictions: router.Prediction[]) =>
  cases.addPredictions(endpoint, ['f', 'g'], predictions);

let offset = 0n;
const received = (...feedback: router.Feedback[]) =>
  feedback.map((data) => ({ data, partition: 0, offset: offset++ }));
const report = (...feedback: router.Feedback[]) => cases.addFeedback(received(...feedback));

describe('a prediction and its feedback', () => {
  it('are an outcome once both are there, whichever comes first', async () => {
    const [first, second] = [anEndpoint(), anEndpoint()];

    expect(await take(first, aPrediction(first, 'p'))).toEqual([]);
    const joined = await report(feedbackFor(first, 'p'));
    expect(await report(feedbackFor(second, 'p'))).toEqual([]);
    const joinedLate = await take(second, aPrediction(second, 'p'));

    expect(joined).toEqual([
      {
        ...{ prediction: `${first}/p`, endpoint: first, variant: 'm-1', model: 'm', version: 1 },
        ...{ atMs: 1000, knownAtMs: Date.parse('2001-05-01T09:00:00Z'), score: 0.25, label: 1 },
        revision: 0,
        record: {
          ...{ origin: 'ORD', distance: 7, delay: 23 },
          known_at: '2001-05-01T09:00:00.000Z',
        },
      },
    ]);
    expect(joinedLate).toEqual([{ ...joined[0], prediction: `${second}/p`, endpoint: second }]);
    for (const endpoint of [first, second])
      expect(await cases.counts(endpoint)).toEqual({
        ...{ predictions: 1, labelled: 1, pending: 0, early: 0, duplicates: 0, shadows: {} },
      });
  });

  it('are told again when either is delivered again, for the first telling may have been lost', async () => {
    const endpoint = anEndpoint();
    await report(feedbackFor(endpoint, 'p'));
    const told = await take(endpoint, aPrediction(endpoint, 'p'));
    const counts = await cases.counts(endpoint);

    expect(await take(endpoint, aPrediction(endpoint, 'p'), aPrediction(endpoint, 'q'))).toEqual(
      told,
    );
    expect(await report(feedbackFor(endpoint, 'p'))).toEqual(told);

    expect(await cases.counts(endpoint)).toEqual({
      ...{ ...counts, predictions: 2, pending: 1, duplicates: 1 },
    });
  });

  it('give way to a higher revision, never to a lower or an equal one', async () => {
    const endpoint = anEndpoint();
    await take(endpoint, aPrediction(endpoint, 'p'));
    const labels = [];
    for (const [label, revision] of [
      [1, 1],
      [0, 0],
      [0, 1],
      [0, 2],
    ])
      labels.push(
        (await report(feedbackFor(endpoint, 'p', { label, revision }))).map((outcome) => [
          outcome.label,
          outcome.revision,
        ])[0],
      );

    expect(labels).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
      [0, 2],
    ]);
    expect(await cases.counts(endpoint)).toMatchObject({ labelled: 1, duplicates: 2 });
  });

  it('are those of the first prediction when a caller gives its id twice', async () => {
    const endpoint = anEndpoint();
    const [first, again] = [0.25, 0.75].map((score) => aPrediction(endpoint, 'p', { score }));

    await take(endpoint, first!, again!);
    await take(endpoint, again!);
    const [outcome] = await report(feedbackFor(endpoint, 'p'));

    expect(outcome?.score).toBe(0.25);
    expect(await cases.counts(endpoint)).toMatchObject({ predictions: 1, labelled: 1 });
  });

  it('leave out what failed: there is nothing to compare an outcome with', async () => {
    const endpoint = anEndpoint();

    await take(endpoint, aPrediction(endpoint, 'p', { status: 'failed', score: null }));

    expect(await cases.counts(endpoint)).toMatchObject({ predictions: 0 });
  });

  it('wait for one another without end', async () => {
    const endpoint = anEndpoint();

    await report(feedbackFor(endpoint, 'p'), feedbackFor(endpoint, 'q'));

    expect(await cases.counts(endpoint)).toMatchObject({ predictions: 0, labelled: 0, early: 2 });
  });
});

describe('counts', () => {
  /** Each item is one event: a prediction, or feedback of some revision; several of one id are repetitions. */
  const items = fc.array(
    fc.record({ id: fc.nat({ max: 4 }), revision: fc.integer({ min: -1, max: 2 }) }),
    { maxLength: 14 },
  );

  it('are exact for any order, any repetition and any cut into batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        items,
        fc.array(fc.boolean(), { minLength: 14, maxLength: 14 }),
        async (events, cuts) => {
          const endpoint = anEndpoint();
          const isPrediction = (event: { revision: number }) => event.revision < 0;
          for (let start = 0; start < events.length;) {
            let end = start + 1;
            while (
              end < events.length &&
              cuts[end] === false &&
              isPrediction(events[end]!) === isPrediction(events[start]!)
            )
              end++;
            const batch = events.slice(start, end);
            if (isPrediction(batch[0]!))
              await take(endpoint, ...batch.map(({ id }) => aPrediction(endpoint, `p${id}`)));
            else
              await report(
                ...batch.map(({ id, revision }) => feedbackFor(endpoint, `p${id}`, { revision })),
              );
            start = end;
          }

          const predicted = new Set(events.filter(isPrediction).map(({ id }) => id));
          const highest = new Map<number, number>();
          let duplicates = 0;
          for (const { id, revision } of events) {
            if (revision < 0) continue;
            if (revision <= (highest.get(id) ?? -1)) duplicates++;
            else highest.set(id, revision);
          }
          const labelled = [...highest.keys()].filter((id) => predicted.has(id)).length;
          expect(await cases.counts(endpoint)).toEqual({
            ...{ predictions: predicted.size, labelled, pending: predicted.size - labelled },
            ...{ early: highest.size - labelled, duplicates, shadows: {} },
          });
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('feedback that is delivered again', () => {
  it('gives its outcomes again and is counted once, in whatever pieces it comes', async () => {
    const endpoint = anEndpoint();
    await take(endpoint, ...['p', 'q', 'r'].map((id) => aPrediction(endpoint, id)));
    const events = received(...['p', 'q', 'p', 'r'].map((id) => feedbackFor(endpoint, id)));

    await cases.addFeedback(events.slice(0, 3));
    const again = await cases.addFeedback(events);

    expect(again.map(({ prediction }) => prediction).sort()).toEqual(
      ['p', 'q', 'r'].map((id) => `${endpoint}/${id}`),
    );
    expect(await cases.counts(endpoint)).toMatchObject({ labelled: 3, duplicates: 1 });
  });
});

describe('shadow scores', () => {
  it('are counted once per prediction and variant, whatever comes twice', async () => {
    const endpoint = anEndpoint();
    const score = (id: string, change?: object) => aShadowScore(endpoint, id, change);

    await cases.addShadows(endpoint, [score('p'), score('q'), score('p')]);
    await cases.addShadows(endpoint, [
      score('q'),
      score('r', { status: 'failed', score: null }),
      score('s', { status: 'shed', score: null }),
      score('p', { variant: 'm-3', version: 3 }),
    ]);

    expect((await cases.counts(endpoint)).shadows).toEqual({ 'm-2': 2, 'm-3': 1 });
  });
});

describe('vectors', () => {
  it('keep every bit and every gap', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.double({ noNaN: true }), { nil: null })), (vector) => {
        const bytes = Buffer.concat([Buffer.from('x'), packVector(vector)]).subarray(1);

        expect([...unpackVector(bytes)]).toEqual(vector.map((value) => value ?? Number.NaN));
      }),
    );
  });
});

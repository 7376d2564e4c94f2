import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@flywheel/core/testing';
import { startTestProcess, testDataFolder } from '@flywheel/runtime/testing';
import { openAnalytics, sqlText } from '@flywheel/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bruteForce,
  columns,
  definitions,
  HOUR,
  rowOf,
  someFlights,
  START,
} from '../fixture/flights.ts';
import type { Flight } from '../fixture/flights.ts';
import { anIngestion } from '../fixture/ingestion.ts';
import { storeOf } from '../fixture/running-store.ts';
import type { RunningStore } from '../fixture/running-store.ts';
import { featureStore } from '../service.ts';

const neighbour = anIngestion();
let folder: Awaited<ReturnType<typeof testDataFolder>>;
let store: RunningStore;

const start = async () =>
  storeOf(
    await startTestProcess([neighbour, featureStore], {
      environment: { FLYWHEEL_DATA: folder.path },
    }),
  );

beforeAll(async () => {
  folder = await testDataFolder();
  store = await start();
  await store.define(definitions);
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const ALL_KNOWN = '2001-07-01T00:00:00.000Z';
const at = (ms: number) => new Date(ms).toISOString();

function request(snapshot: string, change: object = {}) {
  return {
    ...{ name: 'set', service: 'flights', spine: { snapshot }, knownBy: ALL_KNOWN },
    label: { column: 'delay', above: 15, knownAt: 'known_at' },
    ...change,
  };
}

const create = (body: unknown) => store.call('POST', '/api/feature-store/training-sets', body);
const get = (id: unknown, waitMs = 30_000) =>
  store.call('GET', `/api/feature-store/training-sets/${String(id)}?waitMs=${waitMs}`);

async function made(body: unknown) {
  const started = await create(body);
  expect(started).toMatchObject({ status: 202 });
  const { body: set } = await get(started.body['id']);
  expect(set).toMatchObject({ state: 'succeeded' });
  return set;
}

async function rowsOf(set: Record<string, unknown>): Promise<Record<string, unknown>[]> {
  const answer = await fetch(
    `${store.url}/api/feature-store/training-sets/${String(set['id'])}/data`,
  );
  expect(answer.status).toBe(200);
  using scratch = temporaryFolder();
  const file = join(scratch.path, 'set.parquet');
  await writeFile(file, Buffer.from(await answer.arrayBuffer()));
  await using analytics = await openAnalytics({
    temporaryFolder: join(scratch.path, 'duckdb'),
    allowedFolders: [scratch.path],
  });
  return await analytics.rows(`select * from read_parquet(${sqlText(file)})`);
}

/** Rows of a set, as the definition says, in the set's order. */
function expectedRows(flights: readonly Flight[], asked = flights) {
  const text = (one: string | null) => one ?? '\u{10ffff}'; // nulls come last
  const route = ({ origin, destination }: Flight) =>
    origin === null ? null : `${origin}-${destination}`;
  const compare = (left: string | null, right: string | null) =>
    Buffer.compare(Buffer.from(text(left)), Buffer.from(text(right)));
  return [...asked]
    .sort(
      (left, right) =>
        left.dateMs - right.dateMs ||
        compare(left.origin, right.origin) ||
        compare(route(left), route(right)) ||
        compare(left.id, right.id),
    )
    .map((flight) => {
      const { dateMs, knownMs, origin, destination, delay, distance } = flight;
      const ofOrigin = flights.filter((one) => origin !== null && one.origin === origin);
      const date = new Date(dateMs);
      return [
        ...[dateMs - HOUR, origin, route(flight), Number(delay! > 15), knownMs],
        ...bruteForce(ofOrigin, dateMs - HOUR),
        ...bruteForce(
          ofOrigin.filter((one) => one.destination === destination),
          dateMs - HOUR,
        ),
        ...[date.getUTCHours(), (date.getUTCDay() + 6) % 7, distance],
      ];
    });
}

describe('a training set', () => {
  it('holds for each row what was known at its prediction time', async () => {
    const flights = someFlights(600, 1);
    const half = flights.map(rowOf);
    const snapshot = await neighbour.pin('flights', columns, [half.slice(0, 250), half.slice(250)]);
    const knownBy = START + 13 * 24 * HOUR;

    const set = await made(request(snapshot, { knownBy: at(knownBy) }));

    const labelled = flights.filter(({ delay }) => delay !== null);
    const asked = labelled.filter(({ knownMs }) => knownMs <= knownBy);
    expect(asked.length).toBeLessThan(labelled.length);
    expect((await rowsOf(set)).map((row) => Object.values(row))).toEqual(
      expectedRows(flights, asked),
    );
    expect(set).toMatchObject({
      rows: asked.length,
      positives: asked.filter(({ delay }) => delay! > 15).length,
      rowsLeftOut: {
        unknownLabel: flights.length - labelled.length,
        notKnownYet: labelled.length - asked.length,
        outOfRange: 0,
      },
    });
  });
});

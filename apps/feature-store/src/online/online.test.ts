import { monitor } from '@flywheel/contracts';
import { canonicalJson } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { startTestProcess } from '@flywheel/runtime/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bruteForce,
  columns,
  contentOf,
  definitions,
  draws,
  HOUR,
  rowOf,
  someFlights,
  START,
} from '../fixture/flights.ts';
import type { Flight } from '../fixture/flights.ts';
import { anIngestion } from '../fixture/ingestion.ts';
import { storeOf } from '../fixture/running-store.ts';
import type { RunningStore } from '../fixture/running-store.ts';
import { askForSet, finishedSet, rowsOfSet } from '../fixture/training-rows.ts';
import { featureStore } from '../service.ts';

type Vector = { asOfMs: number; values: (number | null)[]; unknown: string[] };
type Entities = Record<string, string | number | boolean | null>;

const neighbour = anIngestion();
const folder = temporaryFolder();
let store: RunningStore;

beforeAll(async () => {
  store = await storeOf(await startTestProcess([neighbour, featureStore]));
  await store.define(definitions);
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const at = (ms: number) => new Date(ms).toISOString();
const view = definitions['views/origin_history'];

/** A service of two views that read one dataset and the outcomes of one endpoint, for one test. */
async function defineFor(dataset: string): Promise<string> {
  const times = { eventTime: 'date', knownAt: 'known_at' };
  const sources = [
    { kind: 'dataset', dataset, ...times },
    { kind: 'outcomes', endpoint: dataset, ...times },
  ];
  await store.define({
    [`views/${dataset}_origin`]: { ...view, sources },
    [`views/${dataset}_route`]: { ...view, entity: 'route', sources },
    [`services/${dataset}`]: { views: [`${dataset}_origin`, `${dataset}_route`] },
  });
  return dataset;
}

const readVectors = (body: unknown) => store.call('POST', '/api/feature-store/vectors', body);

async function vectors(
  service: string,
  rows: readonly { entities: Entities; request?: object; asOfMs?: number }[],
): Promise<Vector[]> {
  const answer = await readVectors({ service, rows: rows.map((row) => ({ request: {}, ...row })) });
  expect(answer).toMatchObject({ status: 200 });
  return answer.body['vectors'] as Vector[];
}

async function materialise(snapshot: string, views: readonly string[], asOfMs: number) {
  const answer = await store.call('POST', '/api/feature-store/materialisations', {
    ...{ views, snapshot, asOf: at(asOfMs) },
  });
  expect(answer).toMatchObject({ status: 200 });
  return answer.body;
}

/** What the views of `defineFor` say of a flight's origin and route at a moment. */
function expectedAt(flights: readonly Flight[], { origin, destination }: Flight, atMs: number) {
  const ofOrigin = flights.filter((one) => one.origin === origin);
  return [
    ...bruteForce(ofOrigin, atMs),
    ...bruteForce(
      ofOrigin.filter((one) => one.destination === destination),
      atMs,
    ),
  ];
}

const withOrigin = (flights: readonly Flight[]) => flights.filter(({ origin }) => origin !== null);
const entitiesOf = ({ origin, destination }: Flight) => ({ origin, destination });

async function expectAll(service: string, flights: readonly Flight[], atMs: number) {
  const asked = withOrigin(flights);
  const read = await vectors(
    service,
    asked.map((flight) => ({ entities: entitiesOf(flight), asOfMs: atMs })),
  );
  for (const [index, flight] of asked.entries())
    expect([flight, read[index]!.values]).toEqual([flight, expectedAt(flights, flight, atMs)]);
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const draw = draws(seed);
  return items
    .map((item) => ({ item, place: draw() }))
    .sort((left, right) => left.place - right.place)
    .map(({ item }) => item);
}

const recordOf = ({ id, ...flight }: Flight) => ({ id, content: contentOf(flight) });
const outcomeOf = ({ id, ...flight }: Flight, revision = 0): monitor.Outcome => ({
  ...{ prediction: id, endpoint: 'any', variant: 'm-1', model: 'm', version: 1, score: 0.5 },
  ...{ atMs: flight.dateMs, knownAtMs: flight.knownMs, label: 1, revision },
  record: contentOf(flight) as monitor.Outcome['record'],
});

describe('what is materialised', () => {
  it('is read as the definition says, at every moment it is loaded for', async () => {
    const service = await defineFor('loaded');
    const flights = someFlights(600, 21);
    const files = [flights.slice(0, 200).map(rowOf), flights.slice(200).map(rowOf)];
    const snapshot = await neighbour.pin('loaded', columns, files);

    for (let day = 0; day <= 18; day++) {
      const atMs = START + day * 24 * HOUR;
      const loaded = await materialise(snapshot, ['loaded_origin', 'loaded_route'], atMs);
      const known = withOrigin(flights).filter(({ knownMs }) => knownMs <= atMs);
      if (day === 1) expect(loaded['rows']).toBe(known.length * 2);
      await expectAll(service, flights, atMs);
    }
  });

  it('is bit by bit what the training set has of the same moment', async () => {
    const flights = someFlights(800, 22)
      .map((flight, index) => ({ ...flight, dateMs: START + (index % 24) * HOUR, index }))
      .map(({ index, ...flight }) => ({ ...flight, knownMs: flight.dateMs + (index % 30) * HOUR }));
    const snapshot = await neighbour.pin('flights', columns, [flights.map(rowOf)]);
    const set = await finishedSet(store, askForSet(snapshot));
    const offline = await rowsOfSet(store, folder.path, set);
    await materialise(snapshot, ['origin_history', 'route_history'], START + 90 * 24 * HOUR);

    const byMoment = new Map(flights.map((flight) => [JSON.stringify([flight.dateMs - HOUR, flight.origin, flight.destination]), flight])); // prettier-ignore
    const asked = offline.flatMap((row) => {
      const destination = String(row['route']).slice(String(row['origin']).length + 1);
      const flight = byMoment.get(JSON.stringify([row['prediction_time'], row['origin'], destination])); // prettier-ignore
      return row['origin'] === null || !flight ? [] : [{ row, flight }];
    });
    const read = await vectors(
      'flights',
      asked.map(({ flight }) => ({
        entities: entitiesOf(flight),
        request: { date: at(flight.dateMs), distance: flight.distance },
      })),
    );

    expect(asked.length).toBeGreaterThan(400);
    const features = set['features'] as string[];
    for (const [index, { row, flight }] of asked.entries()) {
      const onDemand = features.length - 1; // the distance is the flight's own, and several may be at one moment
      expect(read[index]!.asOfMs).toBe(flight.dateMs - HOUR);
      for (const [place, feature] of features.slice(0, onDemand).entries())
        if (!Object.is(read[index]!.values[place], row[feature]))
          expect([feature, read[index]!.values[place]]).toEqual([feature, row[feature]]);
    }
  });

  it('agrees to 9 digits with the training set where values are no sums of halves', async () => {
    const flights = someFlights(200, 23).map((flight, index) => ({
      ...flight,
      ...{ dateMs: START + (index % 24) * HOUR, knownMs: START + (index % 24) * HOUR },
      ...{ delay: (index * 7.77) % 91, origin: 'ORD' },
    }));
    const service = await defineFor('decimal');
    const snapshot = await neighbour.pin('decimal', columns, [flights.map(rowOf)]);
    const set = await finishedSet(store, askForSet(snapshot, { service }));
    const offline = await rowsOfSet(store, folder.path, set);
    await materialise(snapshot, ['decimal_origin', 'decimal_route'], START + 48 * HOUR);

    const read = await vectors(
      service,
      offline.map((row) => ({
        entities: { origin: 'ORD', destination: String(row['route']).slice(4) },
        asOfMs: row['prediction_time'] as number,
      })),
    );
    for (const [index, row] of offline.entries())
      for (const [place, feature] of (set['features'] as string[]).entries())
        expect(read[index]!.values[place]).toBeCloseTo(row[feature] as number, 9);
  });

  it('again, or after streams, changes nothing', async () => {
    const service = await defineFor('again');
    const flights = someFlights(100, 24).map((flight) => ({
      ...flight,
      dateMs: START + ((flight.dateMs - START) % (24 * HOUR)),
      knownMs: START + 24 * HOUR,
    }));
    const snapshot = await neighbour.pin('again', columns, [flights.map(rowOf)]);
    const views = ['again_origin', 'again_route'];

    await store.send('again', flights.map(recordOf));
    await store.caughtUp();
    await materialise(snapshot, views, START + 24 * HOUR);
    await materialise(snapshot, views, START + 24 * HOUR);
    await store.send('again', flights.map(recordOf));
    await store.caughtUp();

    await expectAll(service, flights, START + 24 * HOUR);
  });

  it('holds what is known exactly at the moment, and nothing that is known later', async () => {
    const service = await defineFor('edge');
    const flight = (index: number, knownMs: number): Flight => ({
      ...{ id: `edge/${index}`, origin: 'ORD', destination: 'LAX', delay: 10, distance: 1 },
      ...{ dateMs: START, knownMs },
    });
    const flights = [flight(0, START), flight(1, START + 1), flight(2, START - HOUR)];
    const snapshot = await neighbour.pin('edge', columns, [flights.map(rowOf)]);

    expect(await materialise(snapshot, ['edge_origin'], START)).toMatchObject({
      rows: 2,
      entities: 1,
    });
    const [read] = await vectors(service, [
      { entities: { origin: 'ORD', destination: 'LAX' }, asOfMs: START + HOUR },
    ]);
    expect(read!.values[0]).toBe(2);
  });
});

describe('what is streamed', () => {
  const last = START + 30 * HOUR;
  const recent = (seed: number) =>
    someFlights(300, seed).map((flight, index) => {
      const dateMs = START + (index % 24) * HOUR;
      return { ...flight, dateMs, knownMs: dateMs + (index % 5) * HOUR };
    });

  it('moves the values, in any order, any number of times, in any batches', async () => {
    const flights = recent(31);
    const orders: readonly (readonly [string, readonly (readonly Flight[])[]])[] = [
      ['stream-once', [flights]],
      ['stream-backwards', [flights.toReversed()]],
      ['stream-twice', [flights, flights]],
      ['stream-mixed', [shuffled([...flights, ...flights.slice(0, 99)], 5), shuffled(flights, 6)]],
      ['stream-single', flights.slice(0, 40).map((one) => [one])],
    ];
    for (const [dataset, batches] of orders) {
      const service = await defineFor(dataset);
      for (const batch of batches) await store.send(dataset, batch.map(recordOf));
      await store.caughtUp();

      for (const atMs of [last, START + 12 * HOUR])
        await expectAll(service, [...new Set(batches.flat())], atMs);
    }
  });

  it('as outcomes moves them too, a correction in place of what it corrects once it is known', async () => {
    const service = await defineFor('outcomes');
    const flights = recent(32);
    const corrected = flights.map((flight, index) =>
      index % 10 === 0 ? { ...flight, delay: 100, knownMs: flight.knownMs + HOUR } : flight,
    );
    const send = (some: readonly monitor.Outcome[]) =>
      store.sendOutcomes({ endpoint: 'outcomes', outcomes: [...some] });
    const first = flights.map((flight) => outcomeOf(flight));
    const second = corrected.filter((_, index) => index % 10 === 0).map((flight) => outcomeOf(flight, 1)); // prettier-ignore

    await send(second.slice(0, 15));
    for (let start = 0; start < 300; start += 50) await send(first.slice(start, start + 50));
    await send(second.slice(15));
    await send(first.slice(0, 50));
    await store.sendOutcomes({ endpoint: 'elsewhere', outcomes: first.slice(0, 50) });
    await store.caughtUp();

    for (let atMs = START; atMs <= last; atMs += HOUR) {
      const known = flights.map((flight, index) =>
        corrected[index]!.knownMs <= atMs ? corrected[index]! : flight,
      );
      await expectAll(service, known, atMs);
    }
  });

  it('is not seen before it was known', async () => {
    const service = await defineFor('hidden');
    const flight = (index: number, lateMs: number): Flight => ({
      ...{ id: `hidden/${index}`, origin: 'ORD', destination: 'LAX', delay: 20, distance: 1 },
      ...{ dateMs: START, knownMs: START + lateMs },
    });
    const flights = [flight(0, 0), flight(1, HOUR), flight(2, 2 * HOUR)];
    const moments = [START - 1, START, START + HOUR - 1, START + HOUR, START + 2 * HOUR];
    const seen = async () =>
      (
        await vectors(
          service,
          moments.map((asOfMs) => ({ entities: { origin: 'ORD', destination: 'LAX' }, asOfMs })),
        )
      ).map(({ values, unknown }) => [values[0], unknown.length]);

    await store.send('hidden', flights.slice(0, 1).map(recordOf));
    await store.caughtUp();
    const before = await seen();
    await store.send('hidden', flights.slice(1).map(recordOf));
    await store.caughtUp();

    expect(before).toEqual([[0, 2], [1, 0], [1, 0], [1, 0], [1, 0]]); // prettier-ignore
    expect(await seen()).toEqual([[0, 2], [1, 0], [1, 0], [2, 0], [3, 0]]); // prettier-ignore
  });

  it('does not push out what is true when one clock is wrong', async () => {
    const service = await defineFor('clock');
    const flights = recent(33).slice(0, 30).map((flight) => ({ ...flight, origin: 'ORD' })); // prettier-ignore
    const wrong = { ...flights[0]!, id: 'clock/wrong', dateMs: Date.parse('2126-01-01T00:00:00Z') };
    const snapshot = await neighbour.pin('clock', columns, [[...flights, wrong].map(rowOf)]);

    await store.send('clock', [wrong, ...flights, wrong].map(recordOf));
    await store.caughtUp();
    await expectAll(service, flights, last);

    await materialise(snapshot, ['clock_origin', 'clock_route'], last);
    await expectAll(service, flights, last);
  });

  it('is passed over where it is no row, put aside where it is no event, and goes on behind it', async () => {
    const service = await defineFor('bad');
    const good = recent(34).slice(0, 5).map((flight) => ({ ...flight, origin: 'ORD' })); // prettier-ignore
    const content = contentOf(good[0]!);
    const noRows: readonly (readonly [string, unknown])[] = [
      ['no JSON', '{"origin":'],
      ['no text', '\ud800'],
      ['a list', [content]],
      ['null', null],
      ['a number', 7],
      ['no entity', { ...content, origin: undefined }],
      ['a null entity', { ...content, origin: null }],
      ['an entity of parts', { ...content, origin: { a: 1 } }],
      ['an entity that is no key', { ...content, origin: 'x'.repeat(5000) }],
      ['no event time', { ...content, date: undefined }],
      ['an event time in words', { ...content, date: 'yesterday' }],
      ['30 February', { ...content, date: '2001-02-30T00:00:00Z' }],
      ['the year 10000', { ...content, date: '10000-01-01T00:00:00Z' }],
      ['a time past all dates', { ...content, date: 1e300 }],
      ['no known time', { ...content, known_at: null }],
    ];
    const deadBefore = (await deadLetters()).length;

    await store.send('bad', [
      ...noRows.map(([what, content]) => ({ id: `bad/${what}`, content })),
      ...good.map(recordOf),
    ]);
    const bus = await store.busOf('monitor');
    const outcome = outcomeOf(recent(35)[0]!);
    const event = { endpoint: 'bad', outcomes: [outcome] };
    const send = (data: unknown, headers: Record<string, string> = {}) =>
      bus.send([
        {
          ...{ topic: monitor.outcomesJoined.topic.name, key: 'bad' },
          value: typeof data === 'string' ? data : JSON.stringify(data),
          headers: { ce_specversion: '1.0', ce_id: canonicalJson([data, headers]).slice(0, 40), ce_source: 'monitor', ce_type: monitor.outcomesJoined.type, ce_time: at(START), ce_dataversion: '1', ...headers }, // prettier-ignore
        },
      ]);
    await send('no JSON');
    await send({ ...event, outcomes: [] });
    await send({ ...event, outcomes: [{ ...outcome, revision: -1 }] });
    await send(event, { ce_dataversion: '99' });
    await send({ ...event, outcomes: [outcomeOf({ ...good[0]!, id: 'bad/outcome' })] });
    await store.caughtUp();

    await expectAll(service, [...good, { ...good[0]!, id: 'bad/outcome' }], last);
    expect((await deadLetters()).length - deadBefore).toBe(4);
    const metrics = await (await fetch(`${store.url}/metrics`)).text();
    const skipped = (reason: string) =>
      Number(new RegExp(`feature_store_skipped_total\\{view="bad_origin",reason="${reason}"\\} (\\d+)`).exec(metrics)?.[1] ?? 0); // prettier-ignore
    expect({
      ...{ entity: skipped('no-entity'), key: skipped('key-too-long') },
      ...{ event: skipped('no-event-time'), known: skipped('no-known-time') },
    }).toEqual({ entity: 3, key: 1, event: 5, known: 1 });
  });

  async function deadLetters(): Promise<string[]> {
    const found: string[] = [];
    await (
      await store.busOf('monitor')
    ).readToEnd('dead.feature-store', (records) => {
      found.push(...records.map(({ id }) => id));
    });
    return found;
  }

  it('keeps entities apart, whatever their keys are', async () => {
    const service = await defineFor('keys');
    const pairs: readonly (readonly [string | number | boolean, string | number])[] = [
      ['a:b', 'c'], ['a', 'b:c'], ['a', ''], ['', 'a'], ['a\u0000b', 'c'], ['a', 'b\u0000c'], ['\u0000', ''],
      ['\u00e9', 'x'], ['e\u0301', 'x'], ['__proto__', 'constructor'], ['constructor', '__proto__'], ['toString', 'x'],
      ['x'.repeat(400), 'y'], ['x'.repeat(401), 'y'], [1, 2], [-1, 0], [1.5, 2], [true, 1], ['\u{1f600}', '\u{1f601}'],
      [' a', 'a '], ['a ', ' a'], ['A', 'a'], ['a', 'A'],
    ]; // prettier-ignore
    const record = (origin: unknown, destination: unknown, delay: number) => ({
      ...{ origin, destination, delay, date: at(START), known_at: at(START) },
    });
    await store.send(
      'keys',
      pairs.map(([origin, destination], index) => ({
        id: `keys/${index}`,
        content: record(origin, destination, index),
      })),
    );
    const long = ['9007199254740992', '9007199254740993', '-9007199254740993'];
    await store.send(
      'keys',
      long.map((digits, index) => ({
        id: `keys/long/${index}`,
        content: JSON.stringify(record(0, 'long', 1000 + index)).replace('"origin":0', `"origin":${digits}`), // prettier-ignore
      })),
    );
    await store.caughtUp();

    const asked = [
      ...pairs.map(([origin, destination]) => ({ destination, origin })),
      ...long.map((origin) => ({ origin, destination: 'long' })),
    ];
    const read = await vectors(
      service,
      asked.map((entities) => ({ entities, asOfMs: START })),
    );
    const routes = read.map(({ values, unknown }) => [unknown, values[9], values[12]]);
    expect(routes).toEqual([
      ...pairs.map((_, index) => [[], 1, index]),
      ...long.map((_, index) => [[], 1, 1000 + index]),
    ]);
  });

  it('reads values as SQL would: what is no finite number is none', async () => {
    const service = await defineFor('values');
    const values: readonly (readonly [string, number | null])[] = [
      ['1', 1], ['-0', 0], ['"2.5"', 2.5], ['" 3 "', 3], ['true', 1], ['false', 0], ['null', null], ['"NaN"', null],
      ['"Infinity"', null], ['"-inf"', null], ['"0x10"', null], ['"1_000"', null], ['""', null], ['[]', null], ['{}', null],
      ['9007199254740993', 9007199254740992], ['1e-7', 1e-7], ['1e300', 1e300], ['123456789012345678901234567890', 123456789012345678901234567890],
      ['0.1234567890123456789', 0.1234567890123456789], ['"constructor"', null],
    ]; // prettier-ignore
    await store.send(
      'values',
      values.map(([text], index) => ({
        id: `values/${index}`,
        content: `{"origin":"o${index}","destination":"x","date":"${at(START)}","known_at":"${at(START)}","delay":${text}}`,
      })),
    );
    await store.caughtUp();

    const read = await vectors(
      service,
      values.map((_, index) => ({
        entities: { origin: `o${index}`, destination: 'x' },
        asOfMs: START,
      })),
    );
    expect(read.map((one, index) => [values[index]![0], one.values[0], one.values[3]])).toEqual(
      values.map(([text, value]) => [text, 1, value]),
    );
  });

  it('lies in time where its instants say', async () => {
    const service = await defineFor('instants');
    const instants: readonly (readonly [string | number, number])[] = [
      ['2024-03-10T12:00:00+05:30', Date.parse('2024-03-10T06:30:00Z')],
      ['2024-03-10T12:00:00Z', Date.parse('2024-03-10T12:00:00Z')],
      ['2024-03-10T12:00:00', Date.parse('2024-03-10T12:00:00Z')],
      ['2024-03-10 12:00:00', Date.parse('2024-03-10T12:00:00Z')],
      ['2024-03-10T06:29:00-00:00', Date.parse('2024-03-10T06:29:00Z')],
      ['2024-03-10', Date.parse('2024-03-10T00:00:00Z')],
      [1710072000000, 1710072000000],
      [1710072000000.9, 1710072000000],
      ['1969-12-31T23:59:59.9995Z', -1],
      ['0001-01-01T00:00:00Z', Date.parse('0001-01-01T00:00:00Z')],
      ['9999-12-31T23:59:59.999Z', Date.parse('9999-12-31T23:59:59.999Z')],
      [-8.64e15, -8.64e15],
    ];
    await store.send(
      'instants',
      instants.map(([date], index) => ({
        id: `instants/${index}`,
        content: { origin: `o${index}`, destination: 'x', date, known_at: date },
      })),
    );
    await store.caughtUp();

    const read = await vectors(
      service,
      instants.flatMap(([, ms], index) =>
        [ms - 1, ms, ms + 3 * HOUR - 1, ms + 3 * HOUR].map((asOfMs) => ({
          entities: { origin: `o${index}`, destination: 'x' },
          asOfMs: Math.max(-8.64e15, asOfMs),
        })),
      ),
    );
    expect(read.map(({ values }) => values[0])).toEqual(
      instants.flatMap(([date]) => (date === -8.64e15 ? [1, 1, 1, 0] : [0, 1, 1, 0])),
    );
  });
});

describe('a read of vectors', () => {
  const row = { entities: { origin: 'ORD', destination: 'LAX' }, request: { date: at(START), distance: 7 } }; // prettier-ignore
  const asked = (change: object) => ({ service: 'flights', rows: [row, { ...row, ...change }] });

  it('of entities nobody has seen gives counts of 0, no other value, and says so', async () => {
    const entities = { origin: 'never', destination: 'seen' };
    const none = Array.from({ length: 6 }, () => null);
    for (const route of [entities, { origin: 'never', route: 'never-seen' }, { origin: null, route: null }]) {
      const [read] = await vectors('flights', [{ entities: route, request: row.request }]);
      expect(read).toEqual({
        asOfMs: START - HOUR,
        values: [0, 0, 0, ...none, 0, 0, 0, ...none, 0, 1, 7],
        unknown: ['origin_history', 'route_history'],
      });
    } // prettier-ignore
  });

  it('answers each row in its place, however often an entity is asked for', async () => {
    const service = await defineFor('places');
    const content = { destination: 'x', date: at(START), known_at: at(START) };
    await store.send(
      'places',
      [1, 2, 3].map((id) => ({
        id: `p/${id}`,
        content: { ...content, origin: id, delay: id * 10 },
      })),
    );
    await store.caughtUp();

    const read = async (ids: readonly number[]) =>
      (
        await vectors(
          service,
          ids.map((origin) => ({ entities: { origin, destination: 'x' }, asOfMs: START })),
        )
      ).map(({ values }) => values[3]);
    expect(await read([3, 1, 3, 2])).toEqual([30, 10, 30, 20]);
    expect(await read([2, 99, 2])).toEqual([20, null, 20]);
  });

  it('takes one column as entity key and as request feature', async () => {
    await store.define({
      'services/both': {
        views: ['origin_history'],
        onDemand: [{ feature: 'own', from: 'origin', transform: 'value' }],
      },
    });
    const [read] = await vectors('both', [{ entities: { origin: 3 } }]);
    expect(read!.values.at(-1)).toBe(3);
  });

  const refused: readonly (readonly [string, unknown, number, object])[] = [
    ['of an unknown service', { service: 'nothing', rows: [row] }, 404, { service: 'nothing' }],
    ['of an inherited service', { service: 'constructor', rows: [row] }, 404, { service: 'constructor' }],
    ['of no rows', { service: 'flights', rows: [] }, 400, { field: 'body.rows' }],
    ['of too many rows', { service: 'flights', rows: Array(1001).fill(row) }, 400, { field: 'body.rows' }],
    ['without entities', asked({ entities: undefined }), 400, { field: 'body.rows[1].entities' }],
    ['without an entity key', asked({ entities: { origin: 'ORD' } }), 400, { field: 'rows[1].entities.destination' }],
    ['without any entity key', asked({ entities: {} }), 400, { field: 'rows[1].entities.origin' }],
    ['with an entity of parts', asked({ entities: { origin: ['ORD'], destination: 'LAX' } }), 400, { field: 'body.rows[1].entities.origin' }],
    ['with a joined key of too many parts', asked({ entities: { origin: 'A', route: 'A-B-C' } }), 400, { field: 'rows[1].entities.route' }],
    ['with a key that is too long', asked({ entities: { origin: 'x'.repeat(2000), destination: 'LAX' } }), 400, { field: 'rows[1].entities.origin' }],
    ['with digits that JSON numbers lose', asked({ entities: { origin: 2 ** 53, destination: 'LAX' } }), 400, { field: 'rows[1].entities.origin' }],
    ['without a request feature', asked({ request: { date: at(START) } }), 400, { field: 'rows[1].request.distance' }],
    ['without its prediction time', asked({ request: { distance: 7 } }), 400, { field: 'rows[1].request.date' }],
    ['with a prediction time that is none', asked({ request: { distance: 7, date: '30 February' } }), 400, { field: 'rows[1].request.date' }],
    ['with a prediction time past all dates', asked({ request: { distance: 7, date: 1e300 } }), 400, { field: 'rows[1].request.date' }],
    ['with a request feature of another type', asked({ request: { date: at(START), distance: 'far' } }), 400, { field: 'rows[1].request.distance' }],
    ['with a request feature that is not finite', asked({ request: { date: at(START), distance: 'Infinity' } }), 400, { field: 'rows[1].request.distance' }],
    ['as of no instant', asked({ asOfMs: 'now' }), 400, { field: 'body.rows[1].asOfMs' }],
    ['as of a part of a millisecond', asked({ asOfMs: 0.5 }), 400, { field: 'body.rows[1].asOfMs' }],
    ['that is no JSON', '{"service":"flights"', 400, { field: 'body' }],
    ['with numbers that are none', '{"service":"flights","rows":[{"entities":{"origin":NaN}}]}', 400, { field: 'body' }],
    ['with numbers beyond a double', '{"service":"flights","rows":[{"entities":{"origin":1e999},"request":{}}]}', 400, { field: 'body.rows[0].entities.origin' }],
    ['with members that are not allowed', '{"service":"flights","rows":[{"entities":{"__proto__":{"origin":"ORD"}},"request":{}}]}', 400, { field: 'body.rows[0].entities.__proto__' }],
  ]; // prettier-ignore

  it.each(refused)('%s is refused', async (_, body, status, details) => {
    const answer = await readVectors(body);
    expect(answer).toMatchObject({ status, body: { details } });
  });

  it('of an entity whose key is called as what every object has, needs that key', async () => {
    await store.define({
      'entities/built': { keys: ['constructor'] },
      'views/built': { ...view, entity: 'built' },
      'services/built': {
        views: ['built'],
        onDemand: [{ feature: 'valueOf', from: 'valueOf', transform: 'value' }],
      },
    });
    const ask = (entities: object, request: object) =>
      readVectors({ service: 'built', rows: [{ entities, request }] });

    expect(await ask({}, { valueOf: 1 })).toMatchObject({
      status: 400,
      body: { details: { field: 'rows[0].entities.constructor' } },
    });
    expect(await ask({ constructor: 'a' }, {})).toMatchObject({
      status: 400,
      body: { details: { field: 'rows[0].request.valueOf' } },
    });
    expect((await ask({ constructor: 'a' }, { valueOf: 1 })).status).toBe(200);
  });
});

describe('a load into the online store', () => {
  const asked = async (change: object) => ({
    ...{ views: ['origin_history'], asOf: at(START) },
    snapshot: await neighbour.pin('flights', columns, [someFlights(2, 41).map(rowOf)]),
    ...change,
  });
  const refused: readonly (readonly [string, object, number, object])[] = [
    ['of an unknown view', { views: ['origin_history', 'nothing'] }, 400, { field: 'views[1]' }],
    ['of no view', { views: [] }, 400, { field: 'body.views' }],
    ['of an unknown snapshot', { snapshot: 'nothing' }, 404, {}],
    ['as of no instant', { asOf: 'now' }, 400, { field: 'body.asOf' }],
    ['of a view that reads another dataset', { views: ['elsewhere'] }, 400, { field: 'views[0]', view: 'elsewhere' }],
    ['of a view of columns that are not there', { views: ['unseen'] }, 400, { field: 'views[0]', column: 'Delay' }],
  ]; // prettier-ignore

  it.each(refused)('%s is refused', async (_, change, status, details) => {
    const [source] = view.sources;
    await store.define({
      'views/elsewhere': { ...view, sources: [{ ...source, dataset: 'bookings' }] },
      'views/unseen': { ...view, aggregations: [{ feature: 'm', fn: 'mean', column: 'Delay' }] },
    });
    const answer = await store.call(
      'POST',
      '/api/feature-store/materialisations',
      await asked(change),
    );
    expect(answer.status).toBe(status);
    expect(answer.body['details'] ?? {}).toMatchObject(details);
  });

  it('passes over rows without entity or times, and one whose key is too long', async () => {
    const [good, ...bad] = someFlights(5, 42).map((flight) => rowOf({ ...flight, origin: 'LOAD' }));
    const snapshot = await neighbour.pin('flights', columns, [
      [
        good!,
        { ...bad[0]!, origin: null },
        { ...bad[1]!, origin: 'x'.repeat(2000) },
        { ...bad[2]!, date: 'yesterday' },
        { ...bad[3]!, known_at: null },
      ],
    ]);

    expect(await materialise(snapshot, ['origin_history'], START + 90 * 24 * HOUR)).toMatchObject({
      rows: 1,
      entities: 1,
    });
  });
});

import { temporaryFolder } from '@flywheel/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { columns, definitions, HOUR, rowOf, someFlights, START } from '../fixture/flights.ts';
import type { Flight } from '../fixture/flights.ts';
import { anIngestion } from '../fixture/ingestion.ts';
import {
  defineFor,
  entitiesOf,
  materialise,
  readVectors,
  recordOf,
  withOrigin,
  wrongAt,
} from '../fixture/online-flights.ts';
import { startStore } from '../fixture/running-store.ts';
import type { RunningStore } from '../fixture/running-store.ts';
import { askForSet, finishedSet, rowsOfSet } from '../fixture/training-rows.ts';

const neighbour = anIngestion();
const folder = temporaryFolder();
let store: RunningStore;

beforeAll(async () => {
  store = await startStore(neighbour);
  await store.define(definitions);
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const at = (ms: number) => new Date(ms).toISOString();
const view = definitions['views/origin_history'];

describe('what is materialised', () => {
  it('is read as the definition says, at every moment it is loaded for', async () => {
    const service = await defineFor(store, 'loaded');
    const flights = someFlights(600, 21);
    const files = [flights.slice(0, 200).map(rowOf), flights.slice(200).map(rowOf)];
    const snapshot = await neighbour.pin('loaded', columns, files);

    for (let day = 0; day <= 18; day++) {
      const atMs = START + day * 24 * HOUR;
      const loaded = await materialise(store, snapshot, ['loaded_origin', 'loaded_route'], atMs);
      const known = withOrigin(flights).filter(({ knownMs }) => knownMs <= atMs);
      if (day === 1) expect(loaded['rows']).toBe(known.length * 2);
      expect(await wrongAt(store, service, flights, atMs)).toEqual([]);
    }
  });

  it('is bit by bit what the training set has of the same moment', async () => {
    const flights = someFlights(800, 22)
      .map((flight, index) => ({ ...flight, dateMs: START + (index % 24) * HOUR, index }))
      .map(({ index, ...flight }) => ({ ...flight, knownMs: flight.dateMs + (index % 30) * HOUR }));
    const snapshot = await neighbour.pin('flights', columns, [flights.map(rowOf)]);
    const set = await finishedSet(store, askForSet(snapshot));
    const offline = await rowsOfSet(store, folder.path, set);
    await materialise(store, snapshot, ['origin_history', 'route_history'], START + 90 * 24 * HOUR);

    const byMoment = new Map(flights.map((flight) => [JSON.stringify([flight.dateMs - HOUR, flight.origin, flight.destination]), flight])); // prettier-ignore
    const asked = offline.flatMap((row) => {
      const destination = String(row['route']).slice(String(row['origin']).length + 1);
      const flight = byMoment.get(JSON.stringify([row['prediction_time'], row['origin'], destination])); // prettier-ignore
      return row['origin'] === null || !flight ? [] : [{ row, flight }];
    });
    const read = await readVectors(
      store,
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
    const service = await defineFor(store, 'decimal');
    const snapshot = await neighbour.pin('decimal', columns, [flights.map(rowOf)]);
    const set = await finishedSet(store, askForSet(snapshot, { service }));
    const offline = await rowsOfSet(store, folder.path, set);
    await materialise(store, snapshot, ['decimal_origin', 'decimal_route'], START + 48 * HOUR);

    const read = await readVectors(
      store,
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
    const service = await defineFor(store, 'again');
    const flights = someFlights(100, 24).map((flight) => ({
      ...flight,
      dateMs: START + ((flight.dateMs - START) % (24 * HOUR)),
      knownMs: START + 24 * HOUR,
    }));
    const snapshot = await neighbour.pin('again', columns, [flights.map(rowOf)]);
    const views = ['again_origin', 'again_route'];

    await store.send('again', flights.map(recordOf));
    await store.caughtUp();
    await materialise(store, snapshot, views, START + 24 * HOUR);
    await materialise(store, snapshot, views, START + 24 * HOUR);
    await store.send('again', flights.map(recordOf));
    await store.caughtUp();

    expect(await wrongAt(store, service, flights, START + 24 * HOUR)).toEqual([]);
  });

  it('holds what is known exactly at the moment, and nothing that is known later', async () => {
    const service = await defineFor(store, 'edge');
    const flight = (index: number, knownMs: number): Flight => ({
      ...{ id: `edge/${index}`, origin: 'ORD', destination: 'LAX', delay: 10, distance: 1 },
      ...{ dateMs: START, knownMs },
    });
    const flights = [flight(0, START), flight(1, START + 1), flight(2, START - HOUR)];
    const snapshot = await neighbour.pin('edge', columns, [flights.map(rowOf)]);

    expect(await materialise(store, snapshot, ['edge_origin'], START)).toMatchObject({
      rows: 2,
      entities: 1,
    });
    const [read] = await readVectors(store, service, [
      { entities: { origin: 'ORD', destination: 'LAX' }, asOfMs: START + HOUR },
    ]);
    expect(read!.values[0]).toBe(2);
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

    expect(
      await materialise(store, snapshot, ['origin_history'], START + 90 * 24 * HOUR),
    ).toMatchObject({
      rows: 1,
      entities: 1,
    });
  });
});

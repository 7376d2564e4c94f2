import { AppError } from '@flywheel/core';
import { testDataFolder } from '@flywheel/runtime/testing';
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
import { startStore } from '../fixture/running-store.ts';
import type { RunningStore } from '../fixture/running-store.ts';
import { askForSet, finishedSet, rowsOfSet } from '../fixture/training-rows.ts';

const neighbour = anIngestion();
let folder: Awaited<ReturnType<typeof testDataFolder>>;
let store: RunningStore;

const start = () => startStore(neighbour, folder.path);

beforeAll(async () => {
  folder = await testDataFolder();
  store = await start();
  await store.define(definitions);
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const at = (ms: number) => new Date(ms).toISOString();
const create = (body: unknown) => store.call('POST', '/api/feature-store/training-sets', body);
const get = (id: unknown) => store.call('GET', `/api/feature-store/training-sets/${String(id)}`);

async function made(request: ReturnType<typeof askForSet>) {
  const set = await finishedSet(store, request);
  expect(set).toMatchObject({ state: 'succeeded' });
  return set;
}
const rowsOf = (set: Record<string, unknown>) => rowsOfSet(store, folder.path, set);

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

    const set = await made(askForSet(snapshot, { knownBy: at(knownBy) }));

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

  it('takes the rows whose prediction time lies in its range, the end not included', async () => {
    const flights = someFlights(100, 2).map((flight) => ({ ...flight, delay: flight.delay ?? 0 }));
    const snapshot = await neighbour.pin('flights', columns, [flights.map(rowOf)]);
    const [from, to] = [START + 100 * HOUR, START + 200 * HOUR];
    const inside = flights.filter(({ dateMs }) => dateMs - HOUR >= from && dateMs - HOUR < to);
    const onEdge = flights.filter(({ dateMs }) => [from, to].includes(dateMs - HOUR));

    const set = await made(askForSet(snapshot, { spine: { from: at(from), to: at(to) } }));

    expect(onEdge.length).toBeGreaterThan(0);
    expect((await rowsOf(set)).map((row) => Object.values(row))).toEqual(
      expectedRows(flights, inside),
    );
    expect(set).toMatchObject({ rows: inside.length });
    expect(set['rowsLeftOut']).toMatchObject({ outOfRange: flights.length - inside.length });
  });

  it('of no rows has the columns and no row', async () => {
    const snapshot = await neighbour.pin('flights', columns, [someFlights(3, 3).map(rowOf)]);

    const set = await made(askForSet(snapshot, { knownBy: at(0) }));

    expect(set).toMatchObject({ rows: 0, positives: 0 });
    expect(await rowsOf(set)).toEqual([]);
  });

  it('is the same set for the same request, and another when anything it depends on is another', async () => {
    const rows = someFlights(20, 4).map(rowOf);
    const snapshot = await neighbour.pin('flights', columns, [rows]);
    const other = await neighbour.pin('flights', columns, [rows.slice(1)]);
    const request = askForSet(snapshot);
    const started = await Promise.all([create(request), create(request), create(request)]);
    const first = await made(request);
    expect(started.map(({ body }) => body['id'])).toEqual([first['id'], first['id'], first['id']]);

    const again = await Promise.all([create(request), create(request)]);
    expect(again.map(({ body }) => body)).toEqual([first, first]);

    const view = definitions['views/origin_history'];
    await store.define({ 'views/own': view, 'services/own': { views: ['own'] } });
    const own = await made(askForSet(snapshot, { service: 'own' }));
    await store.define({ 'views/own': { ...view, windows: ['1h'] } });
    const others = [
      own,
      await made(askForSet(snapshot, { service: 'own' })),
      await made(askForSet(other)),
      await made(askForSet(snapshot, { label: { above: 16 } })),
      await made(askForSet(snapshot, { knownBy: at(START) })),
    ];
    expect(new Set([first, ...others].map((set) => set['recipe'])).size).toBe(6);
    expect(new Set([first, ...others].map((set) => set['id'])).size).toBe(6);
  });

  it('that was being made when the process ended is made after the restart', async () => {
    const flights = someFlights(50, 5);
    const snapshot = await neighbour.pin('flights', columns, [flights.map(rowOf)]);
    let endsWith: (error: Error) => void = () => undefined;
    const held = new Promise<never>((_, reject) => {
      endsWith = reject;
    });
    neighbour.gates.push(Promise.resolve(), held);

    const request = askForSet(snapshot);
    const { body: started } = await create(request);
    expect((await get(started['id'])).body).toMatchObject({ state: 'running' });
    await store[Symbol.asyncDispose]();
    endsWith(new Error('the process ended'));
    store = await start();

    const set = await made(request);
    expect(set).toMatchObject({ id: started['id'], recipe: started['recipe'] });
    const asked = flights.filter(({ delay }) => delay !== null);
    expect((await rowsOf(set)).map((row) => Object.values(row))).toEqual(
      expectedRows(flights, asked),
    );
  });

  it('that failed tells why, has no rows, and can be asked for again', async () => {
    const snapshot = await neighbour.pin('flights', columns, [someFlights(5, 6).map(rowOf)]);
    const refused = Promise.reject(new AppError('internal', 'a bug of ingestion'));
    refused.catch(() => undefined); // until somebody waits for it
    neighbour.gates.push(Promise.resolve(), refused);

    const failed = await finishedSet(store, askForSet(snapshot));

    expect(failed).toMatchObject({ state: 'failed', error: expect.any(String) as string });
    expect((await get(`${String(failed['id'])}/data`)).status).toBe(404);
    expect(await made(askForSet(snapshot))).not.toMatchObject({ id: failed['id'] });
  });

  it('takes names with quotes, and separators', async () => {
    const [delay, key] = [`de"lay'); --`, `o'r"igin`];
    const rows = [
      { _id: 'q/1', [key]: `a'b`, destination: `"c`, date: at(START), [delay]: 1 },
      { _id: 'q/2', [key]: `a'b`, destination: `"c`, date: at(START + HOUR), [delay]: 3 },
    ];
    const snapshot = await neighbour.pin(
      'quoted',
      { [key]: 'string', destination: 'string', date: 'string', [delay]: 'int64' },
      [rows],
    );
    await store.define({
      'entities/quoted': { keys: [key, 'destination'], separator: `'"` },
      'views/quoted': {
        entity: 'quoted',
        sources: [{ kind: 'dataset', dataset: 'quoted', eventTime: 'date', knownAt: 'date' }],
        windows: ['2h'],
        aggregations: [{ feature: 'm', fn: 'mean', column: delay }],
      },
      'services/quoted': { views: ['quoted'] },
    });

    const label = { column: delay, above: 1, knownAt: 'date' };
    const set = await made(askForSet(snapshot, { service: 'quoted', label }));

    const quoted = `a'b'""c`;
    expect(await rowsOf(set)).toEqual([
      { prediction_time: START, quoted, label: 0, known_at: START, quoted__m_2h: 1 },
      { prediction_time: START + HOUR, quoted, label: 1, known_at: START + HOUR, quoted__m_2h: 2 },
    ]);
  });

  it('does not mind what columns and entities are called', async () => {
    const names = ['key', 'event_ms', 'known_ms', 'row_id', 't', 'kind', 'constructor', 'n_0', 'value_0']; // prettier-ignore
    const dates = [1, 2, 3].map((hour) => at(START + hour * HOUR));
    const rows = dates.map((date, index) => ({
      ...{ _id: `odd/${index}`, label_value: 1, prediction_time: date },
      ...Object.fromEntries(names.map((name, place) => [name, (index + 1) * (place + 1)])),
      ...{ source_id: 'one', verdict: index },
    }));
    const snapshot = await neighbour.pin(
      'odd',
      {
        ...Object.fromEntries(names.map((name) => [name, 'double' as const])),
        ...{ label_value: 'double', prediction_time: 'string', source_id: 'string' },
        verdict: 'int64',
      },
      [rows],
    );
    const source = { kind: 'dataset', dataset: 'odd' };
    await store.define({
      'entities/label_value': { keys: ['source_id'] },
      'entities/source_id': { keys: ['source_id'] },
      'views/key': {
        entity: 'label_value',
        sources: [{ ...source, eventTime: 'prediction_time', knownAt: 'prediction_time' }],
        windows: ['1d'],
        aggregations: names.map((name) => ({ feature: name, fn: 'mean', column: name })),
      },
      'views/row_id': {
        entity: 'source_id',
        sources: [{ ...source, eventTime: 'prediction_time', knownAt: 'prediction_time' }],
        windows: ['1d'],
        aggregations: [{ feature: 'verdict', fn: 'share', column: 'verdict', above: 0 }],
      },
      'services/odd': {
        views: ['key', 'row_id'],
        onDemand: names.map((name) => ({ feature: name, from: name, transform: 'value' })),
        predictionTime: { column: 'prediction_time', offsetMs: 0 },
      },
    });

    const set = await made(
      askForSet(snapshot, {
        service: 'odd',
        label: { column: 'label_value', above: 0, knownAt: 'prediction_time' },
      }),
    );

    const shares = [0, 1 / 2, 2 / 3];
    expect(await rowsOf(set)).toEqual(
      rows.map((row, index) => ({
        ...{ prediction_time: Date.parse(dates[index]!), known_at: Date.parse(dates[index]!) },
        ...{ label_value: 'one', source_id: 'one', label: 1 },
        ...Object.fromEntries(
          names.map((name, place) => [`key__${name}_1d`, (1 + index / 2) * (place + 1)]),
        ),
        row_id__verdict_1d: shares[index],
        ...Object.fromEntries(names.map((name) => [name, row[name as keyof typeof row]])),
      })),
    );
  });
});

describe('a request for a training set', () => {
  let snapshot: string;
  beforeAll(async () => {
    snapshot = await neighbour.pin('flights', columns, [someFlights(3, 7).map(rowOf)]);
    const [source] = definitions['views/origin_history'].sources;
    await store.define({
      'views/elsewhere': {
        ...definitions['views/origin_history'],
        sources: [{ ...source, dataset: 'bookings' }],
      },
      'services/elsewhere': { views: ['origin_history', 'elsewhere'] },
      'views/unseen': {
        ...definitions['views/origin_history'],
        aggregations: [{ feature: 'm', fn: 'mean', column: 'Delay' }],
      },
      'services/unseen': { views: ['unseen'] },
      'services/untimed': {
        views: ['origin_history'],
        predictionTime: { column: 'asked_at', offsetMs: 0 },
      },
      'services/unasked': {
        views: ['origin_history'],
        onDemand: [{ feature: 'seats', from: 'seats', transform: 'value' }],
      },
    });
  });

  const asked = (change: object) => ({ ...askForSet(snapshot), ...change });
  const refused: readonly (readonly [string, () => unknown, number, object])[] = [
    ['for an unknown service', () => asked({ service: 'nothing' }), 404, { service: 'nothing' }],
    ['over an unknown snapshot', () => askForSet('nothing'), 404, {}],
    ['with an unknown label', () => askForSet(snapshot, { label: { column: 'x' } }), 400, { field: 'label.column' }],
    ['with an inherited label', () => askForSet(snapshot, { label: { column: 'constructor' } }), 400, { field: 'label.column' }],
    ['with a label that is known at no column', () => askForSet(snapshot, { label: { knownAt: 'x' } }), 400, { field: 'label.knownAt' }],
    ['with a bound that is none', () => askForSet(snapshot, { label: { above: null } }), 400, { field: 'body.label.above' }],
    ['known by no instant', () => asked({ knownBy: 'today' }), 400, { field: 'body.knownBy' }],
    ['from no instant', () => askForSet(snapshot, { spine: { from: '2001-05-01' } }), 400, { field: 'body.spine.from' }],
    ['without a spine', () => asked({ spine: undefined }), 400, { field: 'body.spine' }],
    ['whose views read another dataset', () => asked({ service: 'elsewhere' }), 400, { field: 'service', view: 'elsewhere' }],
    ['whose views read a column that is not there', () => asked({ service: 'unseen' }), 400, { field: 'service', column: 'Delay' }],
    ['whose prediction time is not there', () => asked({ service: 'untimed' }), 400, { field: 'service', column: 'asked_at' }],
    ['whose request features are not there', () => asked({ service: 'unasked' }), 400, { field: 'service', column: 'seats' }],
  ]; // prettier-ignore

  it.each(refused)('%s is refused', async (_, body, status, details) => {
    const answer = await create(body());
    expect(answer.status).toBe(status);
    expect(answer.body['details'] ?? {}).toMatchObject(details);
  });

  it('of an unknown set is 404', async () => {
    for (const id of ['nothing', '__proto__', 'constructor'])
      expect((await get(id)).status, id).toBe(404);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitions, HOUR, START } from '../fixture/flights.ts';
import { anIngestion } from '../fixture/ingestion.ts';
import { defineFor, readVectors } from '../fixture/online-flights.ts';
import { startStore } from '../fixture/running-store.ts';
import type { RunningStore } from '../fixture/running-store.ts';

let store: RunningStore;

beforeAll(async () => {
  store = await startStore(anIngestion());
  await store.define(definitions);
});
afterAll(() => store[Symbol.asyncDispose]());

const at = (ms: number) => new Date(ms).toISOString();
const view = definitions['views/origin_history'];
const ask = (body: unknown) => store.call('POST', '/api/feature-store/vectors', body);

describe('a read of vectors', () => {
  const row = { entities: { origin: 'ORD', destination: 'LAX' }, request: { date: at(START), distance: 7 } }; // prettier-ignore
  const asked = (change: object) => ({ service: 'flights', rows: [row, { ...row, ...change }] });

  it('of entities nobody has seen gives counts of 0, no other value, and says so', async () => {
    const entities = { origin: 'never', destination: 'seen' };
    const none = Array.from({ length: 6 }, () => null);
    for (const route of [entities, { origin: 'never', route: 'never-seen' }, { origin: null, route: null }]) {
      const [read] = await readVectors(store, 'flights', [{ entities: route, request: row.request }]);
      expect(read).toEqual({
        asOfMs: START - HOUR,
        values: [0, 0, 0, ...none, 0, 0, 0, ...none, 0, 1, 7],
        unknown: ['origin_history', 'route_history'],
      });
    } // prettier-ignore
  });

  it('answers each row in its place, however often an entity is asked for', async () => {
    const service = await defineFor(store, 'places');
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
        await readVectors(
          store,
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
    const [read] = await readVectors(store, 'both', [{ entities: { origin: 3 } }]);
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
    const answer = await ask(body);
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
    const read = (entities: object, request: object) =>
      ask({ service: 'built', rows: [{ entities, request }] });

    expect(await read({}, { valueOf: 1 })).toMatchObject({
      status: 400,
      body: { details: { field: 'rows[0].entities.constructor' } },
    });
    expect(await read({ constructor: 'a' }, {})).toMatchObject({
      status: 400,
      body: { details: { field: 'rows[0].request.valueOf' } },
    });
    expect((await read({ constructor: 'a' }, { valueOf: 1 })).status).toBe(200);
  });
});

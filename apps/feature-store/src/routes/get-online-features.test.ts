import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitions, HOUR, START } from '../fixture/flights.ts';
import { anIngestion } from '../fixture/ingestion.ts';
import { startStore } from '../fixture/running-store.ts';
import type { RunningStore } from '../fixture/running-store.ts';

type Column = { values: unknown[]; statuses: string[]; event_timestamps: string[] };

let store: RunningStore;
const at = (ms: number) => new Date(ms).toISOString();
const EPOCH = '1970-01-01T00:00:00Z';
const asOf = at(START);

beforeAll(async () => {
  store = await startStore(anIngestion());
  const view = definitions['views/origin_history'];
  const few = { ...view, windows: ['3h'] };
  await store.define({
    ...definitions,
    'views/a': { ...few, aggregations: [{ feature: 'b__n', fn: 'count' }] },
    'views/a__b': { ...few, aggregations: [{ feature: 'n', fn: 'count' }, { feature: 'm', fn: 'mean', column: 'delay' }] },
    'services/both': { views: ['a__b'], onDemand: [{ feature: 'own', from: 'size', transform: 'value' }] },
  }); // prettier-ignore
  const row = (id: string, origin: unknown, delay: number | null, dateMs = START) => ({
    id,
    content: { origin, destination: 'LAX', delay, date: at(dateMs), known_at: at(dateMs) },
  });
  await store.send('flights', [
    ...[row('1', '1001', 10), row('2', '1002', null, START - HOUR + 123), row('3', '1003', 30)],
    ...[row('4', '1003', 50, START + HOUR), row('5', 'quiet', 1, START - 10 * HOUR)],
  ]);
  await store.send('flights', [
    { id: '6', content: `{"origin":9007199254740993,"date":"${asOf}","known_at":"${asOf}","delay":2}` }, // prettier-ignore
    { id: '7', content: `{"origin":9007199254740992,"date":"${asOf}","known_at":"${asOf}","delay":1}` }, // prettier-ignore
  ]);
  await store.caughtUp();
});
afterAll(() => store[Symbol.asyncDispose]());

const ask = (body: unknown) => store.call('POST', '/get-online-features', body);

/** The answer's columns by name, as clients read them. */
async function columns(body: object): Promise<Record<string, Column>> {
  const answer = await ask(body);
  expect(answer).toMatchObject({ status: 200 });
  const { metadata, results } = answer.body as {
    metadata: { feature_names: string[] };
    results: Column[];
  };
  expect(results).toHaveLength(metadata.feature_names.length);
  return Object.fromEntries(metadata.feature_names.map((name, index) => [name, results[index]!]));
}

describe("Feast's online read", () => {
  it('answers in columns, keys first, each with value, status and timestamp of its row', async () => {
    const answer = await ask({
      features: ['a__b:m_3h', 'a__b:n_3h'],
      entities: { origin: ['1001', '5555', '1002', 'quiet'] },
      ...{ full_feature_names: true, as_of: asOf },
    });

    const times = ['2001-05-01T00:00:00Z', EPOCH, '2001-04-30T23:00:00.123Z', '2001-04-30T14:00:00Z']; // prettier-ignore
    expect(answer).toEqual({
      status: 200,
      body: {
        metadata: { feature_names: ['origin', 'a__b__n_3h', 'a__b__m_3h'] },
        results: [
          {
            values: ['1001', '5555', '1002', 'quiet'],
            statuses: ['PRESENT', 'PRESENT', 'PRESENT', 'PRESENT'],
            event_timestamps: [EPOCH, EPOCH, EPOCH, EPOCH],
          },
          {
            values: [1, 0, 1, 0],
            statuses: ['PRESENT', 'NOT_FOUND', 'PRESENT', 'PRESENT'],
            event_timestamps: times,
          },
          {
            values: [10, null, null, null],
            statuses: ['PRESENT', 'NOT_FOUND', 'NULL_VALUE', 'NULL_VALUE'],
            event_timestamps: times,
          },
        ],
      },
    });
  });

  it('gives row i to entity i, however often it is asked for', async () => {
    const read = await columns({
      features: ['a__b:m_3h'],
      entities: { origin: ['1003', '1001', '1003', '99', '1001'] },
      as_of: asOf,
    });
    expect(read['m_3h']).toMatchObject({
      values: [30, 10, 30, null, 10],
      statuses: ['PRESENT', 'PRESENT', 'PRESENT', 'NOT_FOUND', 'PRESENT'],
    });
  });

  it('does not see what became known later, nor that it did', async () => {
    const before = await columns({
      ...{ features: ['a__b:n_3h'], entities: { origin: ['1003'] } },
      as_of: at(START - 1),
    });
    const after = await columns({
      ...{ features: ['a__b:n_3h'], entities: { origin: ['1003'] } },
      as_of: at(START + HOUR),
    });
    expect(before['n_3h']).toEqual({
      ...{ values: [0], statuses: ['NOT_FOUND'], event_timestamps: [EPOCH] },
    });
    expect(after['n_3h']).toEqual({
      ...{ values: [2], statuses: ['PRESENT'], event_timestamps: ['2001-05-01T01:00:00Z'] },
    });
  });

  it('is of now where nothing else is asked', async () => {
    const read = await columns({ features: ['a__b:n_3h'], entities: { origin: ['1003'] } });
    expect(read['n_3h']).toMatchObject({ values: [0], statuses: ['PRESENT'] });
  });

  it('keeps long integers, in and out', async () => {
    const answer = await fetch(`${store.url}/get-online-features`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"features":["a__b:m_3h"],"as_of":"${asOf}","entities":{"origin":[9007199254740992,9007199254740993]}}`,
    });
    const text = await answer.text();
    expect(text).toContain('"values":[9007199254740992,9007199254740993]');
    expect(text).toContain('"values":[1,2]');
  });

  it('of a service gives all of it, on demand features last and without a row', async () => {
    const read = await columns({
      feature_service: 'both',
      features: ['ignored'],
      entities: { size: [3, 4], origin: ['1001', '1002'] },
      as_of: asOf,
    });
    expect(Object.keys(read)).toEqual(['origin', 'n_3h', 'm_3h', 'own']);
    expect(read['own']).toEqual({
      ...{ values: [3, 4], statuses: ['PRESENT', 'PRESENT'], event_timestamps: [EPOCH, EPOCH] },
    });
  });

  it("takes a service's prediction time from what is asked", async () => {
    const read = await columns({
      feature_service: 'flights',
      entities: {
        ...{ destination: ['LAX', 'LAX'], origin: ['1003', '1003'] },
        ...{ date: [at(START + HOUR), at(START + 2 * HOUR)], distance: [1, 2] },
      },
      full_feature_names: true,
    });
    expect(read['origin_history__flights_3h']!.values).toEqual([1, 2]);
    expect(read['route_history__mean_delay_3h']!.values).toEqual([30, 40]);
  });

  it('finds an entity of several keys by its columns in any order, or joined', async () => {
    const asked = { features: ['route_history:flights_3h'], as_of: asOf };
    const apart = await columns({ ...asked, entities: { destination: ['LAX'], origin: ['1001'] } });
    const joined = await columns({ ...asked, entities: { route: ['1001-LAX'] } });

    expect(apart['flights_3h']!.values).toEqual([1]);
    expect(joined).toMatchObject({ route: { values: ['1001-LAX'] }, flights_3h: { values: [1] } });
  });

  it('knows features apart whose names look alike', async () => {
    const read = async (features: string[]) =>
      Object.keys(await columns({ features, entities: { origin: ['1001'] } }));
    expect(await read(['a:b__n_3h'])).toEqual(['origin', 'b__n_3h']);
    expect(await read(['a__b:n_3h', 'a__b:n_3h'])).toEqual(['origin', 'n_3h']);
  });

  const good = { features: ['a:b__n_3h'], entities: { origin: ['1'] } };
  const refused: readonly (readonly [string, unknown, number, object])[] = [
    ['of no body', '[]', 400, { field: 'body' }],
    ['of no JSON', '{', 400, { field: 'body' }],
    ['of no features', { entities: good.entities }, 400, { field: 'features' }],
    ['of an empty list of features', { ...good, features: [] }, 400, { field: 'features' }],
    ['of features that are no text', { ...good, features: [7] }, 400, { field: 'features' }],
    ['of an unknown view', { ...good, features: ['a:b__n_3h', 'nothing:n_3h'] }, 404, { field: 'features[1]', view: 'nothing' }],
    ['of an inherited view', { ...good, features: ['constructor:name'] }, 404, { field: 'features[0]' }],
    ['of no view', { ...good, features: ['n_3h'] }, 404, { field: 'features[0]' }],
    ['of an unknown feature', { ...good, features: ['a:n_3h'] }, 404, { field: 'features[0]', view: 'a', feature: 'n_3h' }],
    ['of a feature and more', { ...good, features: ['a:b__n_3h:x'] }, 404, { field: 'features[0]' }],
    ['of an unknown service', { ...good, feature_service: 'nothing' }, 404, { service: 'nothing' }],
    ['of a service that is no text', { ...good, feature_service: null }, 400, { field: 'feature_service' }],
    ['of no entities', { features: good.features }, 400, { field: 'entities' }],
    ['of an empty object', { ...good, entities: {} }, 400, { field: 'entities' }],
    ['of a list of entities', { ...good, entities: [{ origin: '1' }] }, 400, { field: 'entities' }],
    ['of an empty key list', { ...good, entities: { origin: [] } }, 400, { field: 'entities.origin' }],
    ['of a key without a list', { ...good, entities: { origin: '1' } }, 400, { field: 'entities.origin' }],
    ['of key lists of several lengths', { ...good, entities: { origin: ['1', '2'], size: [1] } }, 400, { field: 'entities.size' }],
    ['of a null key', { ...good, entities: { origin: ['1', null] } }, 400, { field: 'entities.origin[1]' }],
    ['of a key of parts', { ...good, entities: { origin: [{}] } }, 400, { field: 'entities.origin[0]' }],
    ['of another key', { ...good, entities: { destination: ['1'] } }, 400, { field: 'rows[0].entities.origin' }],
    ['of too many rows', { ...good, entities: { origin: Array(10_001).fill('1') } }, 400, { field: 'entities.origin' }],
    ['without a request feature', { feature_service: 'both', entities: { origin: ['1'] } }, 400, { field: 'rows[0].request.size' }],
    ['of features called alike', { features: ['origin_history:flights_3h', 'route_history:flights_3h'], entities: { origin: ['1'], destination: ['2'] } }, 400, { field: 'full_feature_names' }],
    ['with full names that are no choice', { ...good, full_feature_names: 'yes' }, 400, { field: 'full_feature_names' }],
    ['as of no instant', { ...good, as_of: 'now' }, 400, { field: 'as_of' }],
    ['as of null', { ...good, as_of: null }, 400, { field: 'as_of' }],
    ['as of a time past all dates', { ...good, as_of: 1e300 }, 400, { field: 'as_of' }],
    ['with a name that is not allowed', '{"features":["a:b__n_3h"],"entities":{"__proto__":["1"]}}', 400, { field: 'body.entities.__proto__' }],
  ]; // prettier-ignore

  it.each(refused)('%s is refused', async (_, body, status, details) => {
    expect(await ask(body)).toMatchObject({ status, body: { details } });
  });
});

import { featureStore as contracts, topics } from '@flywheel/contracts';
import { eventually } from '@flywheel/core/testing';
import { testDataFolder } from '@flywheel/runtime/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aggregations, definitions } from './fixture/flights.ts';
import { anIngestion } from './fixture/ingestion.ts';
import { startStore } from './fixture/running-store.ts';
import type { RunningStore } from './fixture/running-store.ts';

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

const put = (path: string, body: unknown) => store.call('PUT', `/api/feature-store/${path}`, body);
const listed = async () => (await store.call('GET', '/api/feature-store/definitions')).body;
const service = async (name: string) =>
  (await store.call('GET', `/api/feature-store/services/${name}`)).body;

/** The newest event of each definition, by key, as far as the log has them. */
async function told(): Promise<Map<string, contracts.StoredView>> {
  const newest = new Map<string, contracts.StoredView>();
  await (
    await store.busOf('monitor')
  ).readToEnd(topics.featuresDefinitions.name, (records) => {
    for (const { key, value } of records) {
      const event = contracts.definitionChanged.data.parse(
        JSON.parse(Buffer.from(value).toString()),
      );
      newest.set(key, event.definition as contracts.StoredView);
    }
  });
  return newest;
}

const view = definitions['views/origin_history'];
const [source] = view.sources;

describe('definitions', () => {
  it('keep version, hash and time when they are put again unchanged, however they are written', async () => {
    const before = await listed();

    for (const [path, body] of Object.entries(definitions)) {
      const turned = Object.fromEntries(Object.entries(body).reverse());
      expect((await put(path, { ...turned, description: '' })).status).toBe(200);
    }

    expect(await listed()).toEqual(before);
    expect(before).toMatchObject({
      entities: [
        { name: 'origin', version: 1 },
        { name: 'route', version: 1, separator: '-' },
      ],
      services: [
        { name: 'flights', version: 1, hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
      ],
    });
  });

  it('get the next version with another hash when they change, and are told', async () => {
    const hourly = { ...view, windows: ['1h'] };
    const [first, changed, back] = [
      await put('views/changing', { ...hourly, owner: 'a' }),
      await put('views/changing', { ...hourly, owner: 'b' }),
      await put('views/changing', { ...hourly, owner: 'a' }),
    ].map(({ body }) => body);

    expect([first, changed, back].map((one) => one!['version'])).toEqual([1, 2, 3]);
    expect(changed!['hash']).not.toBe(first!['hash']);
    expect(back!['hash']).toBe(first!['hash']);
    await eventually(
      async () => expect((await told()).get('view/changing')).toMatchObject({ version: 3 }),
      { withinMs: 60_000 },
    );
  });

  it.each([
    ['a zero character', 'a\u0000b'],
    ['half a character', 'a\ud800b'],
    ['quotes', `'";--`],
    ['other scripts', '\u00e9e\u0301\u{1f600}\u202e'],
    ['much', 'x'.repeat(100_000)],
  ])('with %s in their texts are taken and given back, or refused by name', async (_, text) => {
    const body = { keys: ['a', text], description: text, owner: text, separator: '-' };
    const answer = await put('entities/texts', body);

    if (answer.status === 200)
      expect((await listed())['entities']).toContainEqual(expect.objectContaining(body));
    else expect(answer).toMatchObject({ status: 400, body: { details: { field: 'keys[1]' } } });
  });

  it('put at the same moment get one version each, the same ones together', async () => {
    const all = await Promise.all(
      ['1h', '2h', '3h', '1h', '2h', '3h'].map((window) =>
        put('views/raced', { ...view, windows: [window] }),
      ),
    );

    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    const byVersion = new Map(all.map(({ body }) => [body['version'], body['windows']]));
    const newest = Math.max(...([...byVersion.keys()] as number[]));
    expect([...byVersion.keys()].toSorted()).toEqual(
      Array.from({ length: newest }, (_, index) => index + 1),
    );
    expect((await listed())['views']).toContainEqual(
      expect.objectContaining({ name: 'raced', version: newest, windows: byVersion.get(newest) }),
    );
  });

  it('that are told late, after newer ones, change nothing', async () => {
    const { entity, sources } = view;
    const first = (await put('views/told', { ...view, windows: ['1h'] })).body;
    await put('views/told', { entity, sources, windows: ['2h'], aggregations });
    const bus = await store.busOf('feature-store');
    const marker = { ...definitions['entities/origin'], name: 'marker', separator: '-' };
    const stored = { version: 1, hash: 'a'.repeat(64), updatedAt: '2001-05-01T00:00:00.000Z' };

    await bus.publish(contracts.definitionChanged, {
      kind: 'view',
      definition: contracts.storedView.parse(first),
    });
    await bus.publish(contracts.definitionChanged, {
      kind: 'entity',
      definition: contracts.storedEntity.parse({ ...marker, ...stored }),
    });

    await eventually(
      async () =>
        expect((await listed())['entities']).toContainEqual(
          expect.objectContaining({ name: 'marker' }),
        ),
      { withinMs: 60_000 },
    );
    expect((await listed())['views']).toContainEqual(
      expect.objectContaining({ name: 'told', version: 2, windows: ['2h'] }),
    );
  });

  it('of a service tell what it resolves to', async () => {
    expect(await service('flights')).toMatchObject({
      features: [
        ...['origin_history', 'route_history'].flatMap((view) =>
          ['flights', 'mean_delay', 'late_share'].flatMap((feature) =>
            ['3h', '24h', '7d'].map((window) => ({ name: `${view}__${feature}_${window}`, view })),
          ),
        ),
        ...['hour', 'weekday', 'distance'].map((name) => ({ name, view: null })),
      ],
      entities: [{ name: 'origin' }, { name: 'route', keys: ['origin', 'destination'] }],
      requestColumns: ['date', 'distance'],
    });
  });

  it('of a view are at once those of the services that read it', async () => {
    const hourly = { ...view, windows: ['1h'] };
    await store.define({
      'views/shared': { ...hourly, aggregations: [{ feature: 'n', fn: 'count' }] },
      'services/sharing': { views: ['shared'] },
    });

    await put('views/shared', { ...hourly, aggregations: [{ feature: 'm', fn: 'count' }] });

    expect((await service('sharing'))['features']).toEqual([
      { name: 'shared__m_1h', view: 'shared' },
    ]);
    const read = await store.call('POST', '/api/feature-store/vectors', {
      service: 'sharing',
      rows: [{ entities: { origin: 'ORD' }, request: {} }],
    });
    expect(read.body['features']).toEqual(['shared__m_1h']);
  });

  it('of an entity are at once those of the views and services that use it', async () => {
    await store.define({
      'entities/plane': { keys: ['tail'] },
      'views/planes': { ...view, entity: 'plane' },
      'services/planes': { views: ['planes'] },
    });

    await put('entities/plane', { keys: ['tail_number'] });

    expect(await service('planes')).toMatchObject({ entities: [{ keys: ['tail_number'] }] });
    const read = await store.call('POST', '/api/feature-store/vectors', {
      service: 'planes',
      rows: [{ entities: { tail_number: 'N1' }, request: {} }],
    });
    expect(read.status).toBe(200);
  });

  const bad: readonly (readonly [string, string, unknown, string])[] = [
    ['an entity without keys', 'entities/bad', { keys: [] }, 'body.keys'],
    ['an entity with a key twice', 'entities/bad', { keys: ['a', 'b', 'a'] }, 'keys[2]'],
    ['an entity with an empty key', 'entities/bad', { keys: [''] }, 'body.keys[0]'],
    ['an entity whose keys are no list', 'entities/bad', { keys: 'a' }, 'body.keys'],
    ['a name that is none', 'entities/__proto__', { keys: ['a'] }, 'params.name'],
    ['no body', 'entities/bad', undefined, 'body'],
    ['a view of no entity', 'views/bad', { ...view, entity: 'nobody' }, 'entity'],
    ['a view of an inherited entity', 'views/bad', { ...view, entity: 'constructor' }, 'entity'],
    ['a view without windows', 'views/bad', { ...view, windows: [] }, 'body.windows'],
    ['a view with a window of no time', 'views/bad', { ...view, windows: ['0h'] }, 'body.windows[0]'],
    ['a view with a window twice', 'views/bad', { ...view, windows: ['3h', '3h'] }, 'windows[1]'],
    ['a view without sources', 'views/bad', { ...view, sources: [] }, 'body.sources'],
    ['a view with a source twice', 'views/bad', { ...view, sources: [source, { ...source, eventTime: 'x' }] }, 'sources[1]'],
    ['a view without aggregations', 'views/bad', { ...view, aggregations: [] }, 'body.aggregations'],
    ['an aggregation that is not there', 'views/bad', { ...view, aggregations: [{ feature: 'm', fn: 'median', column: 'x' }] }, 'body.aggregations[0].fn'],
    ['a mean of nothing', 'views/bad', { ...view, aggregations: [{ feature: 'm', fn: 'mean' }] }, 'body.aggregations[0].column'],
    ['a feature twice', 'views/bad', { ...view, aggregations: [...aggregations, aggregations[0]] }, 'aggregations[3].feature'],
    ['features that differ in case only', 'views/bad', { ...view, aggregations: [...aggregations, { feature: 'FLIGHTS', fn: 'count' }] }, 'aggregations[3].feature'],
    ['a service of no view', 'services/bad', { views: ['nothing'] }, 'views[0]'],
    ['a service of a view twice', 'services/bad', { views: ['origin_history', 'origin_history'] }, 'views[1]'],
    ['a feature on demand twice', 'services/bad', { views: ['origin_history'], onDemand: [{ feature: 'a', from: 'x', transform: 'value' }, { feature: 'A', from: 'y', transform: 'value' }] }, 'onDemand[1].feature'],
    ['a feature on demand named as a column of training sets', 'services/bad', { views: ['origin_history'], onDemand: [{ feature: 'Label', from: 'x', transform: 'value' }] }, 'onDemand[0].feature'],
    ['a feature on demand named as an entity', 'services/bad', { views: ['origin_history'], onDemand: [{ feature: 'origin', from: 'x', transform: 'value' }] }, 'onDemand[0].feature'],
    ['a transform that is not there', 'services/bad', { views: ['origin_history'], onDemand: [{ feature: 'a', from: 'x', transform: 'log' }] }, 'body.onDemand[0].transform'],
    ['a prediction time in parts of milliseconds', 'services/bad', { views: ['origin_history'], predictionTime: { column: 'date', offsetMs: 0.5 } }, 'body.predictionTime.offsetMs'],
  ]; // prettier-ignore

  it.each(bad)('%s is refused and changes nothing', async (_, path, body, field) => {
    const before = await listed();

    const answer = await put(path, body);

    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'invalid_argument', details: { field, rule: expect.any(String) as string } },
    });
    expect(await listed()).toEqual(before);
  });

  it('with names that look alike across views and entities are refused', async () => {
    const { entity, sources } = view;
    await store.define({
      'views/a': { entity, sources, windows: ['1h'], aggregations: [{ feature: 'b__n', fn: 'count' }] },
      'views/a__b': { entity, sources, windows: ['1h'], aggregations: [{ feature: 'n', fn: 'count' }] },
      'entities/known_at': { keys: ['origin'] },
      'views/of_known_at': { ...view, entity: 'known_at' },
      'entities/Origin': { keys: ['origin'] },
      'views/of_Origin': { ...view, entity: 'Origin' },
    }); // prettier-ignore

    for (const views of [['a', 'a__b'], ['of_known_at'], ['origin_history', 'of_Origin']])
      expect(await put('services/bad', { views })).toMatchObject({
        status: 400,
        body: { details: { field: `views[${views.length - 1}]` } },
      });
  });

  it('are there after a restart, and what was told again on the way changes nothing', async () => {
    const before = await listed();
    const sharing = await service('sharing');

    await store[Symbol.asyncDispose]();
    store = await start();

    const byName = (list: unknown) =>
      (list as { name: string }[]).toSorted((left, right) => (left.name < right.name ? -1 : 1));
    await eventually(
      async () => {
        const after = await listed();
        for (const kind of ['entities', 'views', 'services'])
          expect(byName(after[kind])).toEqual(byName(before[kind]));
      },
      { withinMs: 60_000 },
    );
    expect(await service('sharing')).toEqual(sharing);
  });

  it('that are not there are 404', async () => {
    for (const name of ['nothing', 'constructor', '__proto__'])
      expect((await store.call('GET', `/api/feature-store/services/${name}`)).status).toBe(
        name === '__proto__' ? 400 : 404,
      );
  });
});

describe('the streams', () => {
  const streams = async (query = '') =>
    (await store.call('GET', `/api/feature-store/streams${query}`)).body as {
      streams: { topic: string; partition: number; position: string; end: string }[];
      knownAtMs: number | null;
    };

  it('tell position and end of every partition, and the newest known time', async () => {
    const before = await streams();
    expect(before.streams.map(({ topic, partition }) => `${topic}/${partition}`)).toEqual(
      [topics.ingestRecords.name, topics.inferenceOutcomes.name].flatMap((topic) =>
        [0, 1, 2].map((partition) => `${topic}/${partition}`),
      ),
    );
    const sent = (id: number) => ({
      id: `told/${id}`,
      content: {
        origin: 'ORD',
        date: '2001-05-01T00:00:00Z',
        known_at: `2001-05-01T0${id}:00:00Z`,
      },
    });

    await store.send('flights', [sent(1), sent(3), sent(2)]);
    await store.send('somewhere-else', [sent(9)]);
    await store.caughtUp();

    const after = await streams('?waitMs=0');
    const ended = ({ streams }: typeof before) =>
      streams.reduce((sum, { end }) => sum + Number(end), 0);
    expect(ended(after) - ended(before)).toBe(4);
    for (const { position, end } of after.streams) expect(position).toBe(end);
    expect(after.knownAtMs).toBe(Date.parse('2001-05-01T03:00:00Z'));
  });

  it('refuse to be waited for longer than they may', async () => {
    const answer = await store.call('GET', '/api/feature-store/streams?waitMs=30001');
    expect(answer).toMatchObject({ status: 400, body: { details: { field: 'query.waitMs' } } });
  });
});

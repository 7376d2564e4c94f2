import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { monitor, router, topics } from '@flywheel/contracts';
import { silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { openBus } from '@flywheel/kafka';
import { startTestProcess } from '@flywheel/runtime/testing';
import { openAnalytics } from '@flywheel/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ingestion as service } from './service.ts';

type Running = Awaited<ReturnType<typeof startTestProcess>>;
const folder = temporaryFolder();
let running: Running;

const start = () =>
  startTestProcess([service], {
    environment: { FLYWHEEL_DATA: folder.path, INGESTION_CONCURRENT_REQUESTS: '12' },
  });

beforeAll(async () => {
  running = await start();
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function send(
  dataset: string,
  body: string | Uint8Array,
  options: { type?: string; query?: string; encoding?: string } = {},
) {
  const answer = await fetch(
    `${running.url}/api/ingestion/datasets/${dataset}/records${options.query ?? ''}`,
    {
      method: 'POST',
      headers: {
        'content-type': options.type ?? 'application/x-ndjson',
        ...(options.encoding === undefined ? {} : { 'content-encoding': options.encoding }),
      },
      body: typeof body === 'string' ? body : Buffer.from(body),
    },
  );
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function get(path: string) {
  const answer = await fetch(`${running.url}${path}`);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const post = async (path: string) =>
  (await fetch(`${running.url}${path}`, { method: 'POST' })).json() as Promise<
    Record<string, unknown>
  >;

describe('records of any format', () => {
  it('are counted as soon as they are acknowledged, and once in the lake', async () => {
    const lines = Array.from({ length: 1000 }, (_, index) =>
      JSON.stringify({ id: index, name: `n${index}` }),
    ).join('\n');

    const answer = await send('counted', lines);

    expect(answer).toMatchObject({ status: 200, body: { accepted: 1000, dataset: 'counted' } });
    expect((await get('/api/ingestion/datasets/counted')).body).toMatchObject({ records: 1000 });
    const snapshot = await post('/api/ingestion/datasets/counted/snapshots');
    expect(snapshot).toMatchObject({ records: 1000, dataset: 'counted' });
    expect(snapshot['columns']).toEqual([
      { name: 'id', type: 'int64', nullable: false },
      { name: 'name', type: 'string', nullable: false },
    ]);
    expect((await get('/api/ingestion/datasets/counted')).body).toMatchObject({
      records: 1000,
      lake: { records: 1000 },
    });
  });

  it('keep U+2028 and its like inside a record', async () => {
    const text = '{"id":1,"t":"a\u2028b"}\n{"id":2,"t":"x\u0085y\u2029z"}';

    expect((await send('framed', text)).body).toMatchObject({ accepted: 2 });
    await post('/api/ingestion/datasets/framed/snapshots');
    const preview = await get('/api/ingestion/datasets/framed/preview');
    expect((preview.body['rows'] as { t: string }[]).map((row) => row.t).sort()).toEqual([
      'a\u2028b',
      'x\u0085y\u2029z',
    ]);
  });

  it('keep codes with leading zeros as text', async () => {
    expect(
      (await send('codes', 'zip,n\n01234,5\n90210,6\n', { type: 'text/csv' })).body,
    ).toMatchObject({ accepted: 2 });
    await post('/api/ingestion/datasets/codes/snapshots');
    const rows = (await get('/api/ingestion/datasets/codes/preview')).body['rows'];
    expect(rows).toHaveLength(2);
    expect(rows).toEqual(
      expect.arrayContaining([
        { zip: '01234', n: 5 },
        { zip: '90210', n: 6 },
      ]),
    );
  });

  it('give null to a bare empty field and text to a quoted one', async () => {
    await send('empties', '"a","b","s"\n"1","2",""\n"4","","x"\n7,,\n', { type: 'text/csv' });
    await post('/api/ingestion/datasets/empties/snapshots');
    expect(
      (
        (await get('/api/ingestion/datasets/empties/preview')).body['rows'] as {
          s: string | null;
        }[]
      ).map((row) => row.s),
    ).toEqual(expect.arrayContaining(['', 'x', null]));
  });

  it('are the same request again under the same idempotency key', async () => {
    const first = await send('repeated', '{"a":1}\n{"a":2}', { query: '?idempotencyKey=one' });
    const again = await send('repeated', '{"a":1}\n{"a":2}', { query: '?idempotencyKey=one' });

    expect(again).toEqual(first);
    expect((await get('/api/ingestion/datasets/repeated')).body).toMatchObject({ records: 2 });
  });

  it('widen a column that changes its type, and never fail for it', async () => {
    await send('widened', '{"v":1,"tags":null}');
    await send('widened', '{"v":"11.0.1","tags":["a"],"score":0.5}');
    await post('/api/ingestion/datasets/widened/snapshots');
    const preview = await get('/api/ingestion/datasets/widened/preview');
    expect(preview.body['rows']).toEqual([
      { v: '1', tags: null, score: null },
      { v: '11.0.1', tags: '["a"]', score: 0.5 },
    ]);
  });
});

/** What the lake has of a dataset, once all that is acknowledged is in it. */
async function rowsOf(dataset: string): Promise<Record<string, unknown>[]> {
  await post(`/api/ingestion/datasets/${dataset}/snapshots`);
  const { body } = await get(`/api/ingestion/datasets/${dataset}/preview?limit=1000`);
  return body['rows'] as Record<string, unknown>[];
}

describe('records of other formats', () => {
  it('may be one JSON object or a list of them, with all their digits', async () => {
    const type = 'application/json';
    await send('json', '{"n":1,"big":12345678901234567890}', { type });
    await send('json', '[{"n":2},{"n":3,"big":null}]', { type });

    const rows = await rowsOf('json');
    expect(rows).toHaveLength(3);
    expect(rows).toContainEqual({ n: 1, big: '12345678901234567890' });
  });

  it('may be Parquet with instants, decimals and bytes', async () => {
    await using analytics = await openAnalytics({
      temporaryFolder: join(folder.path, 'duckdb'),
      allowedFolders: [folder.path],
    });
    const file = join(folder.path, 'typed.parquet');
    await analytics.run(`copy (select timestamp '2001-05-01 06:00:00.123' as at, 12.30::decimal(9,2) as price,
      '\\xC3\\xA9'::blob as bytes, 9007199254740993::bigint as big, true as yes, [1, 2] as list, null::int as nothing) to '${file}' (format parquet)`);

    const type = 'application/vnd.apache.parquet';
    expect(await send('typed', readFileSync(file), { type })).toMatchObject({
      status: 200,
      body: { accepted: 1 },
    });

    expect(await rowsOf('typed')).toEqual([
      {
        ...{ at: '2001-05-01T06:00:00.123000Z', price: '12.30', bytes: 'w6k=' },
        ...{ big: '9007199254740993', yes: true, list: '[1,2]', nothing: null },
      },
    ]);
  });

  it('may be compressed, and are refused when they only say so', async () => {
    const zipped = await send('zipped', gzipSync('{"a":1}\n{"a":2}'), { encoding: 'gzip' });
    const broken = await send('zipped', 'not gzip', { encoding: 'gzip' });

    expect(zipped).toMatchObject({ status: 200, body: { accepted: 2 } });
    expect(broken.status).toBe(400);
    expect((await get('/api/ingestion/datasets/zipped')).body).toMatchObject({ records: 2 });
  });

  it('may have names that no table has: no record stands in the way of others', async () => {
    await send('odd', '{"A":1,"a":2,"":3,"_id":"mine"}\n{"b":1,"b":"x\\ud800"}');
    await send('even', '{"x":1}');

    expect(await rowsOf('odd')).toHaveLength(2);
    expect(await rowsOf('odd')).toContainEqual(
      expect.objectContaining({ A: 1, a_2: 2, unnamed: 3, _id_2: 'mine' }),
    );
    expect(await rowsOf('even')).toEqual([{ x: 1 }]);
  });
});

describe('an idempotency key', () => {
  it('makes requests at the same time one', async () => {
    const lines = Array.from({ length: 2000 }, (_, id) => JSON.stringify({ id })).join('\n');

    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => send('together', lines, { query: '?idempotencyKey=k&key=id' })),
    );

    expect(new Set(answers.map(({ body }) => body['batch'])).size).toBe(1);
    expect(answers.map(({ status, body }) => [status, body['accepted']])).toEqual(
      answers.map(() => [200, 2000]),
    );
    expect((await get('/api/ingestion/datasets/together')).body).toMatchObject({ records: 2000 });
    expect(await post('/api/ingestion/datasets/together/snapshots')).toMatchObject({
      records: 2000,
    });
  });

  it('belongs to its dataset', async () => {
    const one = await send('keyed-1', '{"a":1}', { query: '?idempotencyKey=same' });
    const other = await send('keyed-2', '{"a":1}', { query: '?idempotencyKey=same' });

    expect(one.body['batch']).not.toBe(other.body['batch']);
    expect((await get('/api/ingestion/datasets/keyed-2')).body).toMatchObject({ records: 1 });
  });
});

describe('what was predicted and what came of it', () => {
  const longest = 'e'.repeat(120);
  const vector = [1, null];
  const prediction = (endpoint: string, id: string, change: object = {}): router.Prediction => ({
    ...{ id, request: id, endpoint, revision: 1, variant: 'm-1', role: 'champion', model: 'm' },
    ...{ version: 1, propensity: 1, atMs: 1, answeredMs: 2, latencyMs: 1, modelMs: 0.5 },
    ...{ status: 'answered', error: null, entities: { origin: 'ORD' } },
    ...{ requestFeatures: { distance: 7 }, vector, score: 0.25 },
    ...change,
  });
  const publish = async (endpoint: string, predictions: router.Prediction[]) => {
    await using bus = await openBus({
      brokers: [running.addresses['kafka']!],
      service: 'router',
      log: silentLogger,
    });
    await bus.publish(router.predictionsLogged, {
      ...{ instance: 'i', sequence: 0, endpoint, features: ['f', 'g'] },
      predictions,
    });
  };

  it('are datasets like any other, one row each', async () => {
    await publish('asked', [prediction('asked', 'order/5'), prediction('asked', 'order/05')]);
    await publish('asked', [prediction('asked', 'order/5')]); // told again
    await using bus = await openBus({
      brokers: [running.addresses['kafka']!],
      service: 'monitor',
      log: silentLogger,
    });
    const outcome = (revision: number, label: number): monitor.Outcome => ({
      ...{ prediction: 'order/5', endpoint: 'asked', variant: 'm-1', model: 'm', version: 1 },
      ...{ atMs: 1, knownAtMs: 3, score: 0.25, label, revision, record: { delay: 20 } },
    });
    for (const outcomes of [[outcome(0, 1)], [outcome(0, 1), outcome(1, 0)]])
      await bus.publish(monitor.outcomesJoined, { endpoint: 'asked', outcomes });

    expect((await get('/api/ingestion/datasets/asked.predictions')).body).toMatchObject({
      ...{ records: 2, owner: 'router' },
    });
    expect((await get('/api/ingestion/datasets/asked.outcomes')).body).toMatchObject({
      ...{ records: 2, owner: 'monitor' },
    });
    expect(await rowsOf('asked.predictions')).toContainEqual(
      expect.objectContaining({
        ...{ prediction: 'order/05', origin: 'ORD', distance: 7, score: 0.25, vector: '[1,null]' },
      }),
    );
    expect(
      (await rowsOf('asked.outcomes')).map(({ label, revision }) => [label, revision]),
    ).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });

  it('are kept whatever the endpoint and its columns are called', async () => {
    await publish(longest, [
      prediction(longest, 'p', { entities: { Origin: 'ORD' }, requestFeatures: { origin: 'x' } }),
    ]);

    await eventually(
      async () =>
        expect((await get(`/api/ingestion/datasets/${longest}.predictions`)).body).toMatchObject({
          records: 1,
          lake: { records: 1 },
        }),
      { withinMs: 15_000 },
    );
  });
});

describe('what cannot be taken', () => {
  it.each([
    ['a line that is no JSON', '{"a":1}\n{nope}\n', 'application/x-ndjson', 'line 2'],
    ['a line that is no object', '[1]', 'application/x-ndjson', 'line 1'],
    ['an empty body', '', 'application/x-ndjson', 'body'],
    ['a broken Parquet file', 'PAR1xxxxPAR1', 'application/vnd.apache.parquet', 'body'],
    ['a type nobody reads', 'x', 'image/png', 'content-type'],
  ])('%s is refused with its place, and nothing is stored', async (_what, body, type, field) => {
    const answer = await send('refused', body, { type });

    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'invalid_argument', details: { field } });
    expect((await get('/api/ingestion/datasets/refused')).status).toBe(404);
  });

  it.each(['..%2fx', '%00', 'A%20B', 'a'.repeat(300)])(
    'the dataset name %s is refused',
    async (name) => {
      const { status } = await send(name, '{}');

      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    },
  );
});

describe('text that no database keeps', () => {
  it.each([
    ['a description', 'PATCH', '', { description: 'a\u0000b' }],
    ['an owner', 'PATCH', '', { owner: '\u0000' }],
    ['a tag', 'PATCH', '', { tags: ['\u0000'] }],
    ['a key column', 'POST', '/records?key=%00', { a: 1 }],
    ['a search', 'GET', '?search=%00', undefined],
  ])('is refused as %s', async (_what, method, path, body) => {
    await send('described', '{"a":1}');
    const dataset = path.startsWith('/records') ? 'described-by-key' : 'described';
    const base = '/api/ingestion/datasets';
    const url = method === 'GET' ? `${base}${path}` : `${base}/${dataset}${path}`;
    const answer = await fetch(`${running.url}${url}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'invalid_argument' });
  });
});

describe('under pressure', () => {
  it('more requests than may bring records at once are told to come again', async () => {
    const ends: (() => void)[] = [];
    const open = () =>
      fetch(`${running.url}/api/ingestion/datasets/pressed/records`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: new ReadableStream({
          start: (controller) => {
            controller.enqueue(new TextEncoder().encode('{"a":1}\n'));
            ends.push(() => controller.close());
          },
        }),
        duplex: 'half',
      });
    const held = Array.from({ length: 12 }, open);

    await eventually(async () => expect((await send('pressed', '{"a":1}')).status).toBe(429));
    for (const end of ends) end();
    const answers = await Promise.all(held);

    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect((await send('pressed', '{"a":1}')).status).toBe(200);
  });

  it('a scratch folder that is away is no mistake of the caller, and heals', async () => {
    const scratch = join(folder.path, 'services', 'ingestion', 'scratch');
    await get('/api/ingestion/datasets/described/preview');
    rmSync(scratch, { recursive: true });

    expect((await send('scratched', '{"a":1}')).status).toBe(503);
    mkdirSync(scratch);

    expect((await send('scratched', '{"a":1}')).status).toBe(200);
    expect(await rowsOf('scratched')).toEqual([{ a: 1 }]);
  });
});

it('a restart goes on from what is there', async () => {
  const before = (await get('/api/ingestion/datasets/counted')).body;
  const snapshot = await post('/api/ingestion/datasets/counted/snapshots');
  await running[Symbol.asyncDispose]();
  running = await start();

  expect((await get('/api/ingestion/datasets/counted')).body).toMatchObject({
    ...{ records: before['records'], createdAt: before['createdAt'] },
  });
  expect(await post('/api/ingestion/datasets/counted/snapshots')).toEqual(snapshot);
  await send('counted', '{"id":1000,"name":"after"}');
  expect((await get('/api/ingestion/datasets/counted')).body).toMatchObject({ records: 1001 });
  const { events, datasets } = await readCatalog();
  expect(events).toBeGreaterThan(datasets.size);
  expect(datasets.get('counted')).toMatchObject({ name: 'counted', lake: { records: 1000 } });
});

/** The catalog's topic: all its events, and the newest of each dataset. */
async function readCatalog() {
  await using bus = await openBus({
    brokers: [running.addresses['kafka']!],
    service: 'monitor',
    log: silentLogger,
  });
  let events = 0;
  const datasets = new Map<string, Record<string, unknown>>();
  await bus.readToEnd(topics.catalogDatasets.name, (records) => {
    for (const { value } of records) {
      events++;
      const dataset = JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>;
      datasets.set(String(dataset['name']), dataset);
    }
  });
  return { events, datasets };
}

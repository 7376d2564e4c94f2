import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProcess } from '@flywheel/runtime/testing';
import { ingestion as service } from './service.ts';

type Running = Awaited<ReturnType<typeof startTestProcess>>;
let running: Running;

beforeAll(async () => {
  running = await startTestProcess([service]);
});
afterAll(() => running[Symbol.asyncDispose]());

async function send(
  dataset: string,
  body: string | Uint8Array,
  options: { type?: string; query?: string } = {},
) {
  const answer = await fetch(
    `${running.url}/api/ingestion/datasets/${dataset}/records${options.query ?? ''}`,
    {
      method: 'POST',
      headers: { 'content-type': options.type ?? 'application/x-ndjson' },
      body,
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

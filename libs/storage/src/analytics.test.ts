import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { type Analytics, openAnalytics, sqlName, sqlText } from './analytics.ts';

describe('analytics', () => {
  const folder = temporaryFolder();
  const allowed = join(folder.path, "lake's");
  mkdirSync(allowed);
  afterAll(() => folder[Symbol.dispose]());
  const open = (more: { memoryLimitMb?: number } = {}) =>
    openAnalytics({
      temporaryFolder: join(folder.path, 'tmp'),
      allowedFolders: [allowed],
      ...more,
    });

  it('gives every type as plain JavaScript, without rounding', async () => {
    await using analytics = await open();

    const [row] = await analytics.rows(`select
      true as flag, 7::tinyint as small, 9007199254740991 as most, 9007199254740993 as beyond,
      170141183460469231731687303715884105727::hugeint as huge, 0.1::double as real, 1.10 as decimal,
      1234567890123456.78::decimal(18, 2) as wide, 'é' as text, '\\x00\\xFF'::blob as bytes,
      timestamp '2001-06-30 23:59:59.5' as at, timestamptz '2001-06-30 23:59:59.0005+02:00' as zoned,
      timestamp_s '2001-01-01 00:00:00' as seconds, 'infinity'::timestamp as never,
      date '2001-01-01' as day, time '10:00:00' as clock, interval 1 day as span, null as nothing,
      [1, null] as list, {'a': 1.5, 'b': [timestamp '1970-01-01 00:00:01']} as record, map {'k': 9007199254740993} as pairs,
      '6f3a0f5c-9d0d-4d7a-8f43-0e8d7b8f1a2b'::uuid as id, 'b'::enum('a', 'b') as choice,
      sum(n)::bigint as total from range(4) t(n)`);

    expect(row).toEqual({
      flag: true,
      small: 7,
      most: Number.MAX_SAFE_INTEGER,
      beyond: 9007199254740993n,
      huge: 2n ** 127n - 1n,
      real: 0.1,
      decimal: 1.1,
      wide: '1234567890123456.78',
      text: 'é',
      bytes: Uint8Array.from([0, 255]),
      at: Date.UTC(2001, 5, 30, 23, 59, 59, 500),
      zoned: Date.UTC(2001, 5, 30, 21, 59, 59) + 0.5,
      seconds: Date.UTC(2001, 0, 1),
      never: Number.POSITIVE_INFINITY,
      day: '2001-01-01',
      clock: '10:00:00',
      span: '1 day',
      nothing: null,
      list: [1, null],
      record: { a: 1.5, b: [1000] },
      pairs: [['k', 9007199254740993n]],
      id: '6f3a0f5c-9d0d-4d7a-8f43-0e8d7b8f1a2b',
      choice: 'b',
      total: 6,
    });
  });

  it('takes values of every kind', async () => {
    await using analytics = await open();
    const at = new Date('2001-02-03T04:05:06.789Z');

    const [row] = await analytics.rows(
      'select $1 + 1 as n, $2 as big, $3 as real, $4 as text, $5 as at, $6 as bytes, $7 as flag, $8 as nothing, len($9) as count',
      [41, 2n ** 60n, 0.5, "it's", at, Uint8Array.from([1]), false, null, ['a', 'b']],
    );

    expect(row).toEqual({
      n: 42,
      big: 2n ** 60n,
      real: 0.5,
      text: "it's",
      at: at.getTime(),
      bytes: Uint8Array.from([1]),
      flag: false,
      nothing: null,
      count: 2,
    });
    await expect(analytics.rows('select $1', [new Date(Number.NaN)])).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });

  it('writes and reads Parquet in its folders', async () => {
    await using analytics = await open();
    const file = join(allowed, 'part 0.parquet');

    await analytics.run(
      `copy (select n, n % 3 as k, 'x' || n as ${sqlName('odd "name"')} from range(10000) t(n)) to ${sqlText(file)} (format parquet)`,
    );

    expect(
      await analytics.rows('select count(*) as n, sum(k) as k from read_parquet($1)', [file]),
    ).toEqual([{ n: 10_000, k: 9_999 }]);
    expect(
      await analytics.rows(
        `select "odd ""name""" from ${sqlText(join(allowed, '*.parquet'))} where n = 7`,
      ),
    ).toEqual([{ 'odd "name"': 'x7' }]);
  });

  it('reaches nothing outside its folders, and cannot be talked into it', async () => {
    await using analytics = await open();
    const outside = join(folder.path, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret.csv'), 'a\n1\n');
    writeFileSync(join(allowed, 'open.csv'), 'a\n1\n');
    const denied = { code: 'permission_denied' };

    expect(await analytics.rows(`from ${sqlText(join(allowed, 'open.csv'))}`)).toEqual([{ a: 1 }]);
    for (const statement of [
      `from ${sqlText(join(outside, 'secret.csv'))}`,
      `from ${sqlText(join(allowed, '..', 'outside', 'secret.csv'))}`,
      `from ${sqlText(`${allowed}/../outside/secret.csv`)}`,
      `from read_text('/etc/hostname')`,
      `from glob(${sqlText(`${outside}/*`)})`,
      `copy (select 1) to ${sqlText(join(outside, 'new.csv'))}`,
      `copy (select 1) to ${sqlText(`${allowed}-beside.csv`)}`,
      `attach ${sqlText(join(outside, 'x.db'))}`,
      `install httpfs`,
      `load httpfs`,
      `from 'http://127.0.0.1:1/x.csv'`,
    ])
      await expect(analytics.rows(statement), statement).rejects.toMatchObject(denied);
    for (const statement of [
      `set enable_external_access = true`,
      `set lock_configuration = false`,
      `set allowed_directories = ['/']`,
      `set temp_directory = '/tmp'`,
      `set threads = 64`,
    ])
      await expect(analytics.run(statement), statement).rejects.toMatchObject({
        code: 'invalid_argument',
      });
  });

  it('streams any number of rows, and stops when its reader does', async () => {
    await using analytics = await open();
    let rows = 0;
    let sum = 0;

    for await (const batch of analytics.batches<{ n: number }>(
      'select n from range(200000) t(n)',
    )) {
      rows += batch.length;
      for (const { n } of batch) sum += n;
      expect(batch.length).toBeLessThanOrEqual(2048);
    }
    for await (const batch of analytics.batches('select n from range(100000000000) t(n)')) {
      expect(batch.length).toBeGreaterThan(0);
      break;
    }

    expect([rows, sum]).toEqual([200_000, (200_000 * 199_999) / 2]);
    expect(await analytics.rows('select 1 as n')).toEqual([{ n: 1 }]);
  });

  it('gives columns as typed arrays', async () => {
    await using analytics = await open();

    const columns = await analytics.columns(`
      select n::bigint as n, if(n = 1, null, n / 4) as real, n > 1 as flag, timestamp '1970-01-01' + to_seconds(n) as at,
             if(n = 2, null, 'x' || n) as text, n * 1.5::decimal(10, 2) as decimal from range(3) t(n)`);

    expect([...columns]).toEqual([
      ['n', Float64Array.of(0, 1, 2)],
      ['real', Float64Array.of(0, Number.NaN, 0.5)],
      ['flag', Float64Array.of(0, 0, 1)],
      ['at', Float64Array.of(0, 1000, 2000)],
      ['text', ['x0', 'x1', undefined]],
      ['decimal', Float64Array.of(0, 1.5, 3)],
    ]);
    expect([...(await analytics.columns('select 1 as a, 2 as a where false'))]).toEqual([
      ['a', new Float64Array()],
      ['a:1', new Float64Array()],
    ]);
    await expect(analytics.columns('select 9007199254740993 as n')).rejects.toMatchObject({
      code: 'invalid_argument',
      details: { field: 'n', value: '9007199254740993' },
    });
    const long = await analytics.columns('select n from range(100000) t(n)');
    expect(long.get('n')?.[99_999]).toBe(99_999);
  });

  it.each([
    ['selec 1', 'invalid_argument'],
    ['select 1; selec 1', 'invalid_argument'],
    ['select * from nowhere', 'invalid_argument'],
    ['select nothing', 'invalid_argument'],
    [`select 'a'::int`, 'invalid_argument'],
    [`select 2147483647::int + 1::int`, 'invalid_argument'],
    [`select error('x')`, 'invalid_argument'],
  ])('tells what is wrong with %j', async (statement, code) => {
    await using analytics = await open();

    await expect(analytics.rows(statement)).rejects.toMatchObject({
      code,
      details: { reason: expect.any(String) as string },
    });
  });

  it('tells when a file is missing or the memory is too small', async () => {
    await using analytics = await open({ memoryLimitMb: 20 });

    await expect(
      analytics.rows(`from ${sqlText(join(allowed, 'none.parquet'))}`),
    ).rejects.toMatchObject({ code: 'not_found' });
    await expect(
      analytics.rows('select list(n) as all_of_them from range(20000000) t(n)'),
    ).rejects.toMatchObject({ code: 'resource_exhausted' });
    expect(await analytics.rows('select 1 as n')).toEqual([{ n: 1 }]);
  });

  it('is interrupted by the signal', async () => {
    await using analytics = await open();
    const abort = new AbortController();
    const running = analytics.rows(
      'select count(*) from range(100000000) a, range(100000000) b where a.range + b.range = 7',
      [],
      { signal: abort.signal },
    );
    setImmediate(() => abort.abort());

    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    await expect(analytics.rows('select 1', [], { signal: abort.signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });

  it('shares tables between calls, which may run at the same time', async () => {
    await using analytics = await open();
    await analytics.run('create table t (n int); insert into t select range from range(1000)');

    const counts = await Promise.all(
      Array.from({ length: 8 }, (_, k) =>
        analytics.rows('select count(*) as n from t where n % 8 = $1', [k]),
      ),
    );

    expect(counts.flat().map(({ n }) => n)).toEqual(Array.from({ length: 8 }, () => 125));
  });

  it('takes the latest row of an as-of join even when its value is NULL, for one row and for many', async () => {
    await using analytics = await open();
    await analytics.run(`create table features as
      from (values (1, timestamp '2001-01-01 00:00:00', 42), (1, timestamp '2001-01-01 01:00:00', null)) t(k, ts, v)`);
    const ask = (analytics: Analytics, rows: number) =>
      analytics.rows(
        `select e.k, f.v, f.ts is not null as found
           from (select if(n = 0, 1, 100 + n) as k, timestamp '2001-01-01 02:00:00' as ts from range($1) t(n)) e
           asof left join features f on e.k = f.k and e.ts >= f.ts
          order by e.k limit 1`,
        [rows],
      );

    expect(await ask(analytics, 200)).toEqual([{ k: 1, v: null, found: true }]);
    expect(await ask(analytics, 1)).toEqual([{ k: 1, v: null, found: true }]);
  });

  it('sees the same folder behind a link', async () => {
    const link = join(folder.path, 'link');
    symlinkSync(allowed, link);
    await using analytics = await openAnalytics({
      temporaryFolder: join(folder.path, 'tmp'),
      allowedFolders: [link],
    });

    await analytics.run(`copy (select 1 as n) to ${sqlText(join(link, 'linked.parquet'))}`);

    expect(await analytics.rows(`from ${sqlText(join(allowed, 'linked.parquet'))}`)).toEqual([
      { n: 1 },
    ]);
  });
});

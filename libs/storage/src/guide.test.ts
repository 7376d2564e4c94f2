import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import {
  type EmbeddedPostgres,
  exactJson,
  openAnalytics,
  openFileObjectStore,
  openLmdbOnlineStore,
  openSql,
  sqlText,
  startEmbeddedPostgres,
} from './index.ts';

/** The manual of this library, chapter by chapter. */
describe('the guide to storage', () => {
  const folder = temporaryFolder();
  const log = silentLogger;
  let postgres: EmbeddedPostgres;
  beforeAll(async () => {
    // On a laptop the database is a child process of ours (the first start makes it, which takes seconds; tests use
    // `startTestPostgres`, which copies one) that speaks PostgreSQL's protocol; in a cluster it is
    // PostgreSQL. Services see a URL and cannot tell.
    postgres = await startEmbeddedPostgres({ folder: join(folder.path, 'sql'), port: 0, log });
  });
  afterAll(async () => {
    await postgres[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  it('chapter 1: a service owns a schema, and its history is a list of migrations', async () => {
    await using sql = await openSql({
      url: postgres.url,
      schema: 'tracking',
      log,
      migrations: [
        { name: '0001-create-runs', sql: 'create table runs (id text primary key, params jsonb)' },
        { name: '0002-count-steps', sql: 'alter table runs add column steps bigint default 0' },
      ],
    });

    // Values go in as $1, $2, …; an object is written as JSON and comes back as one.
    await sql.query('insert into runs (id, params) values ($1, $2)', ['r1', { rate: 0.1 }]);

    expect(await sql.query('select * from runs')).toEqual([
      { id: 'r1', params: { rate: 0.1 }, steps: 0 },
    ]);
  });

  it('chapter 2: a state change and its event are one transaction', async () => {
    await using sql = await openSql({
      url: postgres.url,
      schema: 'registry',
      log,
      migrations: [
        {
          name: '0001-create',
          sql: `create table models (name text primary key);
                create table outbox (id bigint generated always as identity, payload jsonb not null)`,
        },
      ],
    });
    const register = (name: string) =>
      sql.transaction(async (tx) => {
        await tx.query('insert into models values ($1)', [name]);
        await tx.query('insert into outbox (payload) values ($1)', [{ type: 'registered', name }]);
      });

    await register('flights');

    // The caller learns from a code what went wrong, never from a vendor's words.
    await expect(register('flights')).rejects.toMatchObject({
      code: 'conflict',
      details: { constraint: 'models_pkey' },
    });
    expect(await sql.query('select count(*) from outbox')).toEqual([{ count: 1 }]);
  });

  it('chapter 3: an integer is exact or an error, never rounded', async () => {
    await using sql = await openSql({ url: postgres.url, schema: 'exact', log, migrations: [] });
    const big = 2n ** 53n + 1n;

    await expect(sql.query('select $1::bigint as n', [big])).rejects.toMatchObject({
      code: 'internal',
    });
    expect(await sql.query('select $1::bigint::text as n', [big])).toEqual([
      { n: '9007199254740993' },
    ]);

    // Inside JSON it is a bigint, and is written back with the same digits. An array of JSON is written as text.
    const [row] = await sql.query('select $1::jsonb as list', [exactJson([{ n: big }])]);
    expect(row).toEqual({ list: [{ n: big }] });
  });

  it('chapter 4: online values are bytes by key, and a late one does not replace a newer one', async () => {
    await using store = openLmdbOnlineStore({
      folder: join(folder.path, 'online'),
      namespace: 'features',
    });
    const key = Buffer.from('origin/ORD');

    await store.put([{ key, value: Buffer.from('noon'), order: 12n }]);
    const written = await store.put([{ key, value: Buffer.from('morning'), order: 9n }]);

    expect(written).toBe(0);
    const [value, nothing] = await store.getMany([key, Buffer.from('origin/???')]);
    expect(Buffer.from(value ?? []).toString()).toBe('noon');
    expect(nothing).toBeUndefined();
  });

  it('chapter 5: objects are whole or absent, and one of many writers of a new one wins', async () => {
    const store = (await openFileObjectStore({ folder: join(folder.path, 'objects') })).scoped(
      'lake',
    );
    const commit = (text: string) =>
      store.put('manifest/0001.json', Buffer.from(text), { ifAbsent: true });

    await commit('{"files":[]}');

    await expect(commit('{"files":["other"]}')).rejects.toMatchObject({ code: 'conflict' });
    const opened = await store.open('manifest/0001.json', { range: { start: 2, end: 6 } });
    expect(opened && (await buffer(opened.body)).toString()).toBe('files');
  });

  it('chapter 6: analytics are SQL over files, and reach nothing else', async () => {
    const lake = await openFileObjectStore({ folder: join(folder.path, 'objects') });
    await lake.put('lake/flights.csv', Buffer.from('origin,delay\nORD,10\nORD,20\nSFO,0\n'));
    await using analytics = await openAnalytics({
      temporaryFolder: join(folder.path, 'tmp'),
      allowedFolders: [join(folder.path, 'objects')],
    });
    const file = await lake.localFile('lake/flights.csv');

    expect(
      await analytics.rows(
        `select origin, avg(delay) as delay from ${sqlText(file)} group by origin order by origin`,
      ),
    ).toEqual([
      { origin: 'ORD', delay: 15 },
      { origin: 'SFO', delay: 0 },
    ]);
    const columns = await analytics.columns(`select delay from ${sqlText(file)}`);
    expect(columns.get('delay')).toEqual(Float64Array.of(10, 20, 0));
    await expect(analytics.rows(`from read_text('/etc/hostname')`)).rejects.toMatchObject({
      code: 'permission_denied',
    });
  });
});

import { connect } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError, newHexId, silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import type { Migration } from './migrations.ts';
import { type Sql, openSql } from './sql.ts';

const big = 9007199254740993n;

/** Every promise of `Sql`, on the server that `start` gives. Each test takes a fresh schema. */
export function describeSql(
  name: string,
  start: () => Promise<{ url: string } & Partial<AsyncDisposable>>,
): void {
  describe(`SQL on ${name}`, () => {
    let server: Awaited<ReturnType<typeof start>>;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]?.();
    });

    const open = (
      migrations: readonly Migration[] = [],
      schema = `s_${newHexId()}`,
      maxConnections = 4,
    ) =>
      openSql({
        ...{ url: server.url, schema, migrations, log: silentLogger, maxConnections },
        checkNesting: true,
      });
    const openTable = (columns: string) =>
      open([{ name: '0001-t', sql: `create table t (${columns})` }]);

    it('reads and writes rows', async () => {
      await using sql = await openTable('id text primary key, n int');

      const written = await sql.query('insert into t values ($1, $2), ($3, $4) returning id', [
        'a',
        1,
        'b',
        null,
      ]);

      expect(written).toEqual([{ id: 'a' }, { id: 'b' }]);
      expect(await sql.query('select * from t order by id')).toEqual([
        { id: 'a', n: 1 },
        { id: 'b', n: null },
      ]);
      expect(await sql.query('update t set n = 2 where false')).toEqual([]);
    });

    it('gives the rows of the last of several statements', async () => {
      await using sql = await open();

      expect(await sql.query('select 1 as a; select 2 as b')).toEqual([{ b: 2 }]);
    });

    it('never rounds an integer beyond 2^53', async () => {
      await using sql = await openTable('n bigint, j jsonb');
      await sql.query('insert into t values ($1, $2)', [
        big,
        { n: big, deep: [{ n: -big }], text: String(big) },
      ]);

      expect(await sql.query('select n::text from t')).toEqual([{ n: String(big) }]);
      await expect(sql.query('select n from t')).rejects.toMatchObject({
        code: 'internal',
        details: { value: String(big) },
      });
      expect(await sql.query('select array[n]::text[] as ns from t')).toEqual([
        { ns: [String(big)] },
      ]);
      await expect(sql.query('select array[n] as ns from t')).rejects.toMatchObject({
        code: 'internal',
      });
      expect(await sql.query('select j from t')).toEqual([
        { j: { n: big, deep: [{ n: -big }], text: String(big) } },
      ]);
      expect(await sql.query(`select j->>'n' as n, (j->>'n')::bigint = n as same from t`)).toEqual([
        { n: String(big), same: true },
      ]);
      expect(await sql.query('select json_agg(t) as rows from t')).toMatchObject([
        { rows: [{ n: big, j: { n: big } }] },
      ]);
      expect(await sql.query('select n from t where n = $1 or n = any($2)', [0, [1n, 2n]])).toEqual(
        [],
      );
    });

    it('gives an int8 that fits as a number', async () => {
      await using sql = await open();

      expect(
        await sql.query(
          'select count(*), 9007199254740991::bigint as most, array[1::bigint, null] as list',
        ),
      ).toEqual([{ count: 1, most: Number.MAX_SAFE_INTEGER, list: [1, null] }]);
    });

    it('keeps json as it was written: null, empty, text, arrays as text', async () => {
      await using sql = await openTable('id int, j jsonb');
      const values = [{}, { a: null, b: [], c: '', d: '9007199254740993', e: 1e300, f: 'é"\\\n' }];
      for (const [id, value] of values.entries())
        await sql.query('insert into t values ($1, $2)', [id, value]);
      await sql.query('insert into t values (8, $1), (9, $2)', ['[1, 9007199254740993]', null]);

      expect((await sql.query('select j from t order by id')).map(({ j }) => j)).toEqual([
        ...values,
        [1, big],
        null,
      ]);
      await expect(
        sql.query('insert into t values (10, $1)', [{ n: Number.NaN }]),
      ).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    });

    it('keeps bytes, times, decimals and arrays', async () => {
      await using sql = await open();
      const bytes = Uint8Array.from([0, 255, 10, 92]);
      const at = new Date('2001-06-30T23:59:59.123Z');

      const [row] = await sql.query(
        `select $1::bytea as bytes, $2::timestamptz as at, date '2001-01-01' as day, timestamp '2001-01-01 10:00' as local,
                1.10::numeric as decimal, $3::text[] as texts, $4::float8 as real, $5::bool as flag`,
        [bytes, at, ['a', 'b,"c"', null], 0.1 + 0.2, true],
      );

      expect(row).toEqual({
        bytes: Buffer.from(bytes),
        at,
        day: '2001-01-01',
        local: '2001-01-01 10:00:00',
        decimal: '1.10',
        texts: ['a', 'b,"c"', null],
        real: 0.1 + 0.2,
        flag: true,
      });
    });

    it('keeps schemas apart, whoever used a connection before', async () => {
      const tables = [{ name: '0001-t', sql: 'create table t (who int)' }];
      const all = await Promise.all(Array.from({ length: 7 }, () => open(tables)));

      await Promise.all(
        all.map(async (sql, who) => {
          for (let round = 0; round < 10; round++)
            await Promise.all([
              sql.query('insert into t values ($1)', [who]),
              sql.transaction((tx) => tx.query('insert into t values ($1)', [who])),
            ]);
        }),
      );

      for (const [who, sql] of all.entries()) {
        expect(await sql.query('select who, count(*) from t group by who')).toEqual([
          { who, count: 20 },
        ]);
        await sql[Symbol.asyncDispose]();
      }
    });

    it('answers each of many connections with its own rows, also for large values', async () => {
      const all = await Promise.all(Array.from({ length: 4 }, () => open()));

      const answers = await Promise.all(
        Array.from({ length: 80 }, async (_, call) => {
          const text = String(call).repeat(call % 2 ? 10 : 100_000);
          const [row] = await (all[call % 4] as Sql).query(
            'select $1::int as call, length($2::text) as length',
            [call, text],
          );
          return [row, { call, length: text.length }];
        }),
      );

      for (const [row, expected] of answers) expect(row).toEqual(expected);
      for (const sql of all) await sql[Symbol.asyncDispose]();
    });

    it('commits all of a transaction or nothing', async () => {
      await using sql = await openTable('n int');

      const result = await sql.transaction(async (tx) => {
        await tx.query('insert into t values (1)');
        return tx.query('select * from t');
      });
      const failed = sql.transaction(async (tx) => {
        await tx.query('insert into t values (2)');
        throw new AppError('conflict', 'changed my mind');
      });

      expect(result).toEqual([{ n: 1 }]);
      await expect(failed).rejects.toMatchObject({ code: 'conflict', message: 'changed my mind' });
      expect(await sql.query('select * from t')).toEqual([{ n: 1 }]);
    });

    it('refuses to end a transaction well when an error in it was swallowed', async () => {
      await using sql = await openTable('n int primary key');

      const swallowing = sql.transaction(async (tx) => {
        await tx.query('insert into t values (1)');
        await tx.query('insert into t values (1)').catch(() => undefined);
      });

      await expect(swallowing).rejects.toThrow('was swallowed');
      expect(await sql.query('select * from t')).toEqual([]);
    });

    it('refuses the outer query inside a transaction, where it could wait for itself', async () => {
      await using sql = await openTable('n int');
      let later: (() => Promise<unknown>) | undefined;

      await expect(sql.transaction(() => sql.query('select 1'))).rejects.toThrow('its own query');
      await expect(sql.transaction(() => sql.transaction(() => Promise.resolve()))).rejects.toThrow(
        'a transaction inside a transaction',
      );
      await sql.transaction((tx) => {
        later = () => tx.query('select 1');
        return Promise.resolve();
      });
      await expect(later?.()).rejects.toThrow('has ended');
      expect(await sql.query('select 1 as n')).toEqual([{ n: 1 }]);
    });

    it('runs transactions of many connections without loss', async () => {
      await using sql = await openTable('id int primary key, n int');
      await sql.query('insert into t values (1, 0)');

      await Promise.all(
        Array.from({ length: 50 }, () =>
          sql.transaction(async (tx) => {
            const [row] = await tx.query<{ n: number }>('select n from t where id = 1 for update');
            await tx.query('update t set n = $1 where id = 1', [(row?.n ?? 0) + 1]);
          }),
        ),
      );

      expect(await sql.query('select n from t')).toEqual([{ n: 50 }]);
    });

    it('runs a transaction again after a serialization failure', async () => {
      await using sql = await open();
      let attempts = 0;

      const result = await sql.transaction(async (tx) => {
        attempts++;
        if (attempts < 3) await tx.query(`do $$ begin raise sqlstate '40001'; end $$`);
        return 'done';
      });

      expect(result).toBe('done');
      expect(attempts).toBe(3);
      await expect(
        sql.transaction((tx) => tx.query(`do $$ begin raise sqlstate '40P01'; end $$`)),
      ).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    });

    it('names the constraint that a row breaks', async () => {
      await using sql = await openTable('id text, constraint t_id_taken unique (id)');
      await sql.query(`insert into t values ('a')`);

      await expect(sql.query(`insert into t values ('a')`)).rejects.toMatchObject({
        code: 'conflict',
        details: { constraint: 't_id_taken', sqlState: '23505' },
      });
    });

    it.each([
      ['text', 'select $1::text as kept', 'a\u0000b'],
      ['json', 'select $1::jsonb as kept', JSON.stringify({ a: '\u0000' })],
    ])(
      'calls %s with a zero character what it is: nothing a database keeps',
      async (_, text, value) => {
        await using sql = await open();

        await expect(sql.query(text, [value])).rejects.toMatchObject({ code: 'invalid_argument' });

        expect(await sql.query('select 1 as one')).toEqual([{ one: 1 }]);
      },
    );

    it('keeps the vendor error of a wrong statement as cause, and goes on', async () => {
      await using sql = await open();

      await expect(sql.query('select * from nowhere')).rejects.toMatchObject({
        code: 'internal',
        details: { sqlState: '42P01' },
        cause: { message: 'relation "nowhere" does not exist' },
      });
      await expect(sql.query('select $1::int', ['x'])).rejects.toMatchObject({ code: 'internal' });
      expect(await sql.query('select 1 as n')).toEqual([{ n: 1 }]);
    });

    it('is unavailable where no server is', async () => {
      const options = { schema: 'x', migrations: [], log: silentLogger };

      await expect(
        openSql({ ...options, url: 'postgresql://u@127.0.0.1:1/db' }),
      ).rejects.toMatchObject({ code: 'unavailable' });
      await expect(open([], 'Bad-Name')).rejects.toMatchObject({
        code: 'invalid_argument',
        details: { field: 'schema' },
      });
    });

    describe('migrations', () => {
      const first = {
        name: '0001-create',
        sql: 'create table t (n int); insert into t values (1)',
      };
      const second = { name: '0002-grow', sql: 'alter table t add column m int default 7' };
      const schemaName = () => `s_${newHexId()}`;

      it('run once, in order, and again only what is new', async () => {
        const schema = schemaName();
        await (await open([first], schema))[Symbol.asyncDispose]();
        await using sql = await open([first, second], schema);

        expect(await sql.query('select * from t')).toEqual([{ n: 1, m: 7 }]);
        expect(
          (await sql.query('select name from migrations order by name')).map(({ name }) => name),
        ).toEqual(['0001-create', '0002-grow']);
      });

      it('run once when many processes start at the same time', async () => {
        const schema = schemaName();

        const all = await Promise.all(
          Array.from({ length: 5 }, () => open([first, second], schema, 1)),
        );

        expect(await all[0]?.query('select * from t')).toEqual([{ n: 1, m: 7 }]);
        for (const sql of all) await sql[Symbol.asyncDispose]();
      });

      it('are refused when one was changed after it ran, but not for its line ends', async () => {
        const schema = schemaName();
        const lines = { name: '0001-create', sql: 'create table t\n(n int)' };
        await (await open([lines], schema))[Symbol.asyncDispose]();
        await (
          await open([{ ...lines, sql: 'create table t\r\n(n int)' }], schema)
        )[Symbol.asyncDispose]();

        await expect(
          open([{ ...lines, sql: 'create table t (n bigint)' }], schema),
        ).rejects.toMatchObject({
          code: 'conflict',
          details: { name: '0001-create', schema },
        });
      });

      it('are refused when one comes before one that ran', async () => {
        const schema = schemaName();
        await (
          await open(
            [second].map(() => ({ name: '0002-later', sql: 'select 1' })),
            schema,
          )
        )[Symbol.asyncDispose]();

        await expect(
          open([first, { name: '0002-later', sql: 'select 1' }], schema),
        ).rejects.toMatchObject({
          code: 'conflict',
          details: { name: '0001-create', newest: '0002-later' },
        });
      });

      it('leave nothing when one of them fails', async () => {
        const schema = schemaName();
        const broken = { name: '0002-broken', sql: 'create table u (n int); select 1/0' };

        await expect(open([first, broken], schema)).rejects.toMatchObject({ code: 'internal' });

        await using sql = await open([], schema);
        expect(await sql.query('select * from migrations')).toEqual([]);
        await expect(sql.query('select * from t')).rejects.toMatchObject({ code: 'internal' });
      });

      it('accept a schema that a newer release has moved on', async () => {
        const schema = schemaName();
        await (await open([first, second], schema))[Symbol.asyncDispose]();

        await using sql = await open([first], schema);

        expect(await sql.query('select * from t')).toEqual([{ n: 1, m: 7 }]);
      });

      it('must have ascending names', async () => {
        await expect(open([second, first])).rejects.toMatchObject({ code: 'invalid_argument' });
        await expect(open([first, first])).rejects.toMatchObject({ code: 'invalid_argument' });
        await expect(open([{ name: 'create', sql: 'select 1' }])).rejects.toMatchObject({
          code: 'invalid_argument',
        });
      });
    });

    describe('other clients', () => {
      const client = async () => {
        const opened = new pg.Client({ connectionString: server.url });
        opened.on('error', () => undefined);
        await opened.connect();
        return opened;
      };

      it('may name their prepared statements alike', async () => {
        const [one, two] = [await client(), await client()];
        const ask = (each: pg.Client, text: string) =>
          each.query({ name: 'same', text, values: [] });

        expect((await ask(one, 'select 1 as n')).rows).toEqual([{ n: 1 }]);
        expect((await ask(two, 'select 2 as n')).rows).toEqual([{ n: 2 }]);
        expect((await ask(one, 'select 1 as n')).rows).toEqual([{ n: 1 }]);

        await one.end();
        const three = await client();
        expect((await ask(three, 'select 3 as n')).rows).toEqual([{ n: 3 }]);
        await two.end();
        await three.end();
      });

      it('keep the search path they set', async () => {
        const [one, two] = [await client(), await client()];
        await one.query('set search_path to pg_catalog');
        await two.query(`set search_path to 'information_schema', public`);

        expect((await one.query('show search_path')).rows).toEqual([{ search_path: 'pg_catalog' }]);
        expect((await two.query('show search_path')).rows).toEqual([
          { search_path: 'information_schema, public' },
        ]);
        await one.end();
        await two.end();
      });

      it('that vanish inside a transaction leave nothing behind', async () => {
        await using sql = await openTable('n int');
        const schema =
          (await sql.query<{ name: string }>('select current_schema() as name'))[0]?.name ?? '';
        const lost = await client();
        await lost.query('begin');
        await lost.query(`insert into ${schema}.t values (1)`);

        (
          lost as unknown as { connection: { stream: { destroy(): void } } }
        ).connection.stream.destroy();

        await eventually(async () => {
          await sql.query('insert into t values (2)');
          expect(await sql.query('select distinct n from t')).toEqual([{ n: 2 }]);
        });
      });

      it('that talk nonsense are sent away', async () => {
        await using sql = await open();
        const { hostname, port } = new URL(server.url);
        const socket = connect(Number(port), hostname);
        const ended = new Promise((resolve) => socket.once('close', resolve));
        socket.on('error', () => undefined);
        socket.resume();

        socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');

        await ended;
        expect(await sql.query('select 1 as n')).toEqual([{ n: 1 }]);
      });
    });
  });
}

import pg from 'pg';
import { afterAll } from 'vitest';
import { describeSql } from './sql.contract.ts';
import type { SqlTransaction } from './sql.ts';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 8 });

afterAll(() => pool.end());

const over = (client: Pick<pg.ClientBase | pg.Pool, 'query'>): SqlTransaction => ({
  query: async <Row extends Record<string, unknown>>(
    text: string,
    values: readonly unknown[] = [],
  ) => (await client.query<Row>(text, [...values])).rows,
});

describeSql('PostgreSQL', () =>
  Promise.resolve({
    ...over(pool),
    transaction: async (work) => {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const result = await work(over(client));
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
    begin: async () => {
      const client = await pool.connect();
      await client.query('begin');
      const end = async (statement: string) => {
        await client.query(statement);
        client.release();
      };
      return {
        ...over(client),
        transaction: (work) => work(over(client)),
        commit: () => end('commit'),
        rollback: () => end('rollback'),
      };
    },
  }),
);

import { PGlite } from '@electric-sql/pglite';
import { afterAll } from 'vitest';
import { type TestSql, describeSql } from './sql.contract.ts';

const database = new PGlite();

afterAll(() => database.close());

describeSql('the embedded PostgreSQL', async () => {
  await database.waitReady;
  const sql: TestSql = {
    begin: undefined,
    query: async <Row>(text: string, values: readonly unknown[] = []) =>
      (await database.query<Row>(text, [...values])).rows,
    transaction: (work) =>
      database.transaction((tx) =>
        work({
          query: async <Row>(text: string, values: readonly unknown[] = []) =>
            (await tx.query<Row>(text, [...values])).rows,
        }),
      ),
  };
  return sql;
});

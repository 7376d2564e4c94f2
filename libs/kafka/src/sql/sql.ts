/** What is needed of a database: PostgreSQL, or the embedded one. `libs/storage` has it. */
export type SqlTransaction = {
  query<Row extends Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
};

export type Sql = SqlTransaction & {
  transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T>;
};

/** A step of a schema's history, as `libs/storage` takes it. */
export type Migration = { name: string; sql: string };

export function checkTableName(table: string): string {
  if (!/^[a-z_][a-z0-9_]{0,48}$/.test(table)) throw new Error('a table has a lower-case SQL name');
  return table;
}
